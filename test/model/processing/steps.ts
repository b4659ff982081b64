import type { Interruption, Setup, WorldStep } from '../steps.ts'
import type { StoreFault } from '../stream/steps.ts'

/** A history of `processStream` as data: the service, the options, what the handler does, and the steps. */
export interface ProcessingHistory {
  readonly kind: string
  readonly setup: ProcessingSetup
  readonly steps: readonly ProcessingStep[]
}

export type Order = 'key' | 'shard' | 'none'

export interface ProcessingSetup extends Setup {
  readonly checkpoint: { readonly everyRecords: number; readonly everyMs: number }
  readonly form: HandlerForm
  /** What the handler does with a record. Each record, and each task of it, follows one of these scripts. */
  readonly scripts: readonly Script[]
  /** The order of the first run. */
  readonly order: Order
  readonly concurrency: number
  readonly maxAttempts: number
  readonly maxDelayMs: number
  readonly maxRecordAgeMs: number | undefined
  readonly handlerTimeoutMs: number | undefined
  readonly maxUnsettled: number
  readonly maxFailingKeys: number
  readonly onFailure: FailureSetup
  /** Whether the option `filter` excludes one record in five. */
  readonly hasFilter: boolean
  /** Whether the option `schema` rejects one item in six. */
  readonly schema: 'none' | 'sync' | 'async'
  /** The longest time that a destination takes to accept a letter, in ms. */
  readonly sendMs: number
}

export type HandlerForm =
  | { readonly form: 'record' }
  | { readonly form: 'tasks'; readonly count: number }
  | {
      readonly form: 'batch'
      readonly batchSize: number
      readonly windowMs: number
      /** How the handler reports that records have failed. */
      readonly failsBy: 'naming' | 'throwing' | 'malformed response'
    }

/** What happens to records that are given up. `stop`: the run rejects with `handler.failed`. */
export type FailureTarget = 'destination' | 'discard' | 'stop'

export interface FailureSetup {
  readonly exhausted: FailureTarget
  readonly rejected: FailureTarget
  readonly invalid: FailureTarget
}

/** What the handler does in the first attempt, in the second one, and so on. The last act is repeated. */
export type Script = readonly Act[]

/** What the handler does in one attempt, after `ms`; 0: synchronously. */
export type Act =
  | { readonly do: 'succeed'; readonly ms: number }
  | { readonly do: 'fail'; readonly ms: number; readonly error: ErrorKind }
  /** `caught`: the handler swallows the error that `context.reject` throws. */
  | { readonly do: 'reject'; readonly ms: number; readonly by: 'context' | 'caught' | 'throwing' }
  /** Ignores the signal, and settles only when a step releases it. */
  | { readonly do: 'hang' }
  /** Rejects when the signal aborts. */
  | { readonly do: 'waitForAbort' }
  /** Ends the process. */
  | { readonly do: 'die'; readonly ms: number }

/** `outage`: the option `classify` returns `'wait'` for it. */
export type ErrorKind = 'error' | 'undefined' | 'frozen' | 'string' | 'outage'

/** A fault of the next calls of the destination. */
export type SendFault =
  | { readonly what: 'slow'; readonly ms: number; readonly times: number }
  | { readonly what: 'fails'; readonly ms: number; readonly times: number }

/** A moment at which the process can die. */
export type Moment = 'delivery' | 'attempt' | 'outcome' | 'save' | 'saved' | 'send' | 'accepted'

/** A step of the worker. A step that needs a run starts one first. */
export type WorkerStep =
  | { readonly do: 'pass'; readonly ms: number }
  /** Stops the run, closes the stream, and starts another process, possibly with another order. */
  | {
      readonly do: 'restart'
      readonly by: 'stop' | 'signal' | 'close'
      readonly order: Order | undefined
      readonly waits: boolean
    }
  /** Stops the run, and starts another one on the same stream. */
  | { readonly do: 'rerun'; readonly order: Order | undefined }
  /** The process dies now, and a save in flight takes effect or not. */
  | { readonly do: 'kill'; readonly saves: 'written' | 'lost'; readonly order: Order | undefined }
  /** The process dies at the n-th such moment from now. */
  | {
      readonly do: 'killAt'
      readonly moment: Moment
      readonly nth: number
      readonly saves: 'written' | 'lost'
    }
  | { readonly do: 'pause'; readonly ms: number }
  /** Settles the handlers that hang. */
  | { readonly do: 'release'; readonly as: 'success' | 'failure' }
  | { readonly do: 'store'; readonly fault: StoreFault }
  | { readonly do: 'destination'; readonly fault: SendFault }

export type ProcessingStep = WorldStep | Interruption | WorkerStep
