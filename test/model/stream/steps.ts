import type { Interruption, Setup, Start, WorldStep } from '../steps.ts'

/** A history of `openStream`, as data: the service, the stream's options, and what the world and the consumer do. */
export interface StreamHistory {
  readonly kind: string
  readonly setup: StreamSetup
  readonly steps: readonly StreamStep[]
}

export interface StreamSetup extends Setup {
  /** The longest time that the service takes for a call, in ms. With 0 it responds at once. */
  readonly latencyMs: number
  /** Undefined: the stream is opened without a checkpoint. */
  readonly checkpoint: { readonly everyRecords: number; readonly everyMs: number } | undefined
  /** What the consumer does after an error: it calls `next()` of the same iterator again, or starts another loop. */
  readonly keepsIterator: boolean
  /** Opened by `tableName`, with `followTable`. */
  readonly follows: boolean
}

/** How the consumer iterates. */
export type LoopKind =
  | { readonly as: 'records' }
  | { readonly as: 'batches'; readonly maxRecords: number; readonly maxWaitMs: number }
  | { readonly as: 'readable' }

/** What happens to the next calls of the checkpoint store. */
export type StoreFault =
  /** A save takes `ms` to be effective. */
  | { readonly what: 'slow'; readonly ms: number; readonly times: number }
  /** A save is rejected after `ms`; with `written`, although it took effect. */
  | { readonly what: 'fails'; readonly ms: number; readonly times: number; readonly written: boolean }
  /** Another worker has saved under the name. */
  | { readonly what: 'conflict' }
  | { readonly what: 'loadFails' }

/** What the consumer does. A step that finds no open stream opens one first. */
export type ConsumerStep =
  /**
   * Asks for `times` items and waits at most `waitMs` for each. What has not arrived by then stays pending, and the next
   * step happens meanwhile. `loop` counts where no loop is under way.
   */
  | { readonly do: 'take'; readonly loop: LoopKind; readonly times: number; readonly waitMs: number }
  /** `iterator.return()`, which is what `break`, `return` and `throw` in a loop body call; `destroy()` of a Readable. */
  | { readonly do: 'leave'; readonly waits: boolean }
  | { readonly do: 'moveTo'; readonly to: Start | { readonly token: number }; readonly waits: boolean }
  | { readonly do: 'heartbeat' }
  /** Keeps `stream.token` for a `moveTo`. */
  | { readonly do: 'keepToken' }
  | { readonly do: 'abort' }
  | { readonly do: 'close'; readonly waits: boolean }
  /** Closes the stream, and opens it again from the store. */
  | { readonly do: 'reopen' }
  /** The process dies, and a save under way takes effect or not. */
  | { readonly do: 'crash'; readonly saves: 'written' | 'lost' }
  /** Opens a stream, and aborts its signal after `afterMs`. */
  | { readonly do: 'abortOpening'; readonly afterMs: number }
  | { readonly do: 'store'; readonly fault: StoreFault }
  | { readonly do: 'pause'; readonly ms: number }
  /**
   * Streaming is switched off and on again, once in a history: with the three-call view as client the next stream is the
   * table's latest one.
   */
  | { readonly do: 'enable' }

export type StreamStep = WorldStep | Interruption | ConsumerStep
