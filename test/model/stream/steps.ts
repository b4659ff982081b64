import type { Interruption, Setup, Start, WorldStep } from '../steps.ts'

/**
 * A history of `openStream` as data: the service, the stream's options, and the steps of the world and the
 * consumer.
 */
export interface StreamHistory {
  readonly kind: string
  readonly setup: StreamSetup
  readonly steps: readonly StreamStep[]
}

export interface StreamSetup extends Setup {
  /** The longest time that a call takes, in ms. With 0, responses are immediate. */
  readonly latencyMs: number
  /** The checkpoint options. Undefined: the stream is opened without a checkpoint. */
  readonly checkpoint: { readonly everyRecords: number; readonly everyMs: number } | undefined
  /**
   * Whether the consumer, after an error, calls `next()` of the same iterator again instead of starting
   * another loop.
   */
  readonly keepsIterator: boolean
  /** Whether the stream is opened by `tableName`, with `followTable`. */
  readonly follows: boolean
}

/** How the consumer iterates. */
export type LoopKind =
  | { readonly as: 'records' }
  | { readonly as: 'batches'; readonly maxRecords: number; readonly maxWaitMs: number }
  | { readonly as: 'readable' }

/** A fault of the next calls of the checkpoint store. */
export type StoreFault =
  /** A save takes effect only after `ms`. */
  | { readonly what: 'slow'; readonly ms: number; readonly times: number }
  /** A save is rejected after `ms`; with `written`, it takes effect nevertheless. */
  | { readonly what: 'fails'; readonly ms: number; readonly times: number; readonly written: boolean }
  /** Another worker has saved under the name. */
  | { readonly what: 'conflict' }
  | { readonly what: 'loadFails' }

/** A step of the consumer. A step that needs an open stream opens one first. */
export type ConsumerStep =
  /**
   * Requests `times` items and waits at most `waitMs` for each. An item that has not arrived by then stays
   * pending during the next steps. `loop` applies if no loop is running.
   */
  | { readonly do: 'take'; readonly loop: LoopKind; readonly times: number; readonly waitMs: number }
  /**
   * `iterator.return()`, which is what `break`, `return` and `throw` in a loop body call; `destroy()` of a
   * Readable.
   */
  | { readonly do: 'leave'; readonly waits: boolean }
  | { readonly do: 'moveTo'; readonly to: Start | { readonly token: number }; readonly waits: boolean }
  | { readonly do: 'heartbeat' }
  /** Keeps `stream.token` for a `moveTo`. */
  | { readonly do: 'keepToken' }
  | { readonly do: 'abort' }
  | { readonly do: 'close'; readonly waits: boolean }
  /** Closes the stream, and opens it again from the store. */
  | { readonly do: 'reopen' }
  /** The process dies, and a save in flight takes effect or not. */
  | { readonly do: 'crash'; readonly saves: 'written' | 'lost' }
  /** Opens a stream, and aborts its signal after `afterMs`. */
  | { readonly do: 'abortOpening'; readonly afterMs: number }
  | { readonly do: 'store'; readonly fault: StoreFault }
  | { readonly do: 'pause'; readonly ms: number }
  /**
   * Disables the table's stream and enables a new one, at most once in a history: with the three-call view as
   * client, the next stream is assumed to be the table's latest one.
   */
  | { readonly do: 'enable' }

export type StreamStep = WorldStep | Interruption | ConsumerStep
