import { inspect } from 'node:util'
import type { StreamRecord } from '../records/stream-record.ts'
import type { AttemptRecord } from './attempt-outcome.ts'
import type { AttemptScope } from './attempt-scope.ts'
import type { BatchContext, RecordContext } from './handler.ts'
import { RejectError } from './reject-error.ts'

/** What the handler of one record, or one task, receives. */
export class AttemptContext implements RecordContext {
  readonly #target: AttemptRecord
  readonly #scope: AttemptScope
  #rejection: RejectError | undefined

  constructor(target: AttemptRecord, scope: AttemptScope) {
    this.#target = target
    this.#scope = scope
  }

  get attempt(): number {
    return this.#target.attempt
  }

  get firstAttemptAt(): Date {
    return new Date(this.#target.firstAttemptAt)
  }

  get shardId(): string {
    return this.#target.record.shardId
  }

  get sequenceNumber(): string {
    return this.#target.record.sequenceNumber
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get epoch(): number | undefined {
    return this.#scope.epoch
  }

  /** Returns a function that may be called without `this`, because handlers destructure their context. */
  get reject(): (reason: string) => never {
    return (reason) => {
      this.#rejection ??= new RejectError(reason)
      throw this.#rejection
    }
  }

  /** Returns the error that `reject` has thrown, which the handler may have caught. */
  static rejectionOf(context: AttemptContext): RejectError | undefined {
    return context.#rejection
  }

  static {
    const names = ['attempt', 'firstAttemptAt', 'shardId', 'sequenceNumber', 'signal', 'epoch'] as const
    showProperties(AttemptContext.prototype, names)
  }
}

/** What the handler of a batch receives. */
export class BatchAttemptContext implements BatchContext {
  readonly #targets: ReadonlyMap<string, AttemptRecord>
  readonly #scope: AttemptScope
  readonly #rejected = new Map<string, string>()
  #isEnded = false

  /** @param targets - the records of the batch by sequence number; at least one. */
  constructor(targets: ReadonlyMap<string, AttemptRecord>, scope: AttemptScope) {
    this.#targets = targets
    this.#scope = scope
  }

  get shardId(): string {
    const [first] = this.#targets.values()
    return first?.record.shardId ?? ''
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get epoch(): number | undefined {
    return this.#scope.epoch
  }

  /** Returns a function that may be called without `this`, as `reject` does. */
  get attemptOf(): (record: StreamRecord) => number {
    return (record) => this.#find(record).attempt
  }

  get reject(): (record: StreamRecord, reason: string) => void {
    return (record, reason) => {
      const { sequenceNumber } = this.#find(record).record
      if (this.#isEnded) {
        throw new TypeError('The record cannot be rejected, because the batch handler has returned.')
      }
      if (!this.#rejected.has(sequenceNumber)) this.#rejected.set(sequenceNumber, String(reason))
    }
  }

  /**
   * Records are found by sequence number rather than by identity, because a handler may have wrapped them. A
   * batch contains records of one shard only.
   */
  #find(record: Partial<StreamRecord> | undefined): AttemptRecord {
    const found = this.#targets.get(record?.sequenceNumber ?? '')
    if (found === undefined) throw new TypeError('The record is not in this batch.')
    return found
  }

  /** Ends the batch, and returns the reasons of the rejected records, by sequence number. */
  static end(context: BatchAttemptContext): ReadonlyMap<string, string> {
    context.#isEnded = true
    return context.#rejected
  }

  static {
    showProperties(BatchAttemptContext.prototype, ['shardId', 'signal', 'epoch'])
  }
}

/** Lets `console.log` show getters. It would otherwise show an empty object. */
function showProperties<Context extends object>(prototype: Context, names: readonly (keyof Context)[]): void {
  Object.defineProperty(prototype, inspect.custom, {
    value(this: Context): object {
      return Object.fromEntries(names.map((name) => [name, this[name]]))
    },
  })
}
