import { StreamError } from '../core/errors.ts'
import type { Work } from '../processing/handler.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { Batches } from './batches.ts'
import type { CheckedLambdaOptions } from './check-options.ts'
import { InvokedRecord } from './invoked-record.ts'
import type { EventRecord } from './lambda-event.ts'
import { type Lane, lanesOf } from './lanes.ts'
import type { Lifetime } from './lifetime.ts'
import type { RecordAttempts } from './record-attempts.ts'

/** One invocation of a function: handles the records of its event until all are settled, or its deadline. */
export class Invocation {
  readonly #work: Work
  readonly #options: CheckedLambdaOptions
  readonly #lifetime: Lifetime
  readonly #attempts: RecordAttempts

  constructor(work: Work, options: CheckedLambdaOptions, lifetime: Lifetime, attempts: RecordAttempts) {
    this.#work = work
    this.#options = options
    this.#lifetime = lifetime
    this.#attempts = attempts
  }

  /**
   * Handles the records. Never rejects.
   *
   * @returns the records, of which those that are not settled are to be reported to Lambda. What is handled
   * after this changes nothing.
   */
  async run(records: readonly EventRecord[]): Promise<readonly InvokedRecord[]> {
    const { order } = this.#options
    const invoked = records.map(
      (event, index) => new InvokedRecord(event, laneKeyOf(event.record, index, order)),
    )
    for (const record of invoked) this.#attempts.filter(record)
    const left = invoked.filter(({ isSettled }) => !isSettled)
    await this.#lifetime.limit(this.#handle(left), () => this.#abort())
    return invoked
  }

  async #handle(records: readonly InvokedRecord[]): Promise<void> {
    const { form } = this.#work
    if (form === 'batch') {
      await new Batches(records, this.#work, this.#options, this.#attempts, this.#lifetime).run()
      return
    }
    await Promise.all(lanesOf(records).map((lane) => this.#handleLane(lane)))
  }

  /** Handles records one after the other, up to the first one that is reported to Lambda. */
  async #handleLane({ records }: Lane): Promise<void> {
    for (const record of records) if (!(await this.#handleRecord(record))) return
  }

  /** Attempts a record until it is settled; returns false if it is reported to Lambda. */
  async #handleRecord(record: InvokedRecord): Promise<boolean> {
    for (;;) {
      const { next } = await this.#attempts.attempt([record])
      const what = next.get(record)
      if (what === 'settled') return true
      if (typeof what !== 'object' || !(await this.#lifetime.waitUntil(what.retryAt))) return false
    }
  }

  #abort(): void {
    this.#lifetime.stop()
    this.#attempts.abort(new StreamError('closed', 'The time of the invocation is almost over.', {}))
  }
}

function laneKeyOf(record: StreamRecord, index: number, order: 'key' | 'shard' | 'none'): string {
  if (order === 'key') return record.itemKey
  return order === 'shard' ? '' : String(index)
}
