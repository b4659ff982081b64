import { uuid } from '../emulator/state/random.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'
import {
  createInvocationRecord,
  type InvocationCondition,
  type LambdaInvocationRecord,
  objectKey,
} from './invocation-record.ts'
import { eventJson } from './lambda-event.ts'
import type { CheckedMapping } from './options.ts'

/** A record that Lambda has given up. */
export interface DiscardedRecord {
  readonly record: EmulatedRecord
  /** `Trimmed`: it was no longer in the stream. Lambda sends no invocation record for it. */
  readonly reason: InvocationCondition | 'Trimmed'
  /**
   * `delivered`: the destination has accepted the invocation record. In the other cases, the record is lost:
   * there was no destination (`none`), or it has failed (`failed`), and Lambda does not try again.
   */
  readonly destination: 'delivered' | 'failed' | 'none'
}

/** Records that are given up together. */
export interface GivenUp {
  /** At least one. */
  readonly records: readonly EmulatedRecord[]
  readonly condition: InvocationCondition
  readonly requestId: string
  /** The number of invocations of this batch that failed; 1 for records that are too old, as in Lambda. */
  readonly invocations: number
  /** Whether the last invocation has thrown or timed out. */
  readonly hasThrown: boolean
}

/** Gives records up, and sends their invocation records to the destination. */
export class Discards {
  readonly discarded: DiscardedRecord[] = []
  readonly delivered: LambdaInvocationRecord[] = []
  readonly #options: CheckedMapping
  readonly #streamArn: string
  /** The UUID of the mapping. */
  readonly #mappingId: string

  constructor(options: CheckedMapping, streamArn: string) {
    this.#options = options
    this.#streamArn = streamArn
    this.#mappingId = uuid(options.random)
  }

  addTrimmed(records: readonly EmulatedRecord[]): void {
    for (const record of records) this.discarded.push({ record, reason: 'Trimmed', destination: 'none' })
  }

  /** Gives a batch up. If the destination fails, nothing is sent again. Never rejects. */
  async giveUp(batch: GivenUp): Promise<void> {
    const destination = await this.#send(batch)
    for (const record of batch.records) {
      this.discarded.push({ record, reason: batch.condition, destination })
    }
  }

  async #send(batch: GivenUp): Promise<DiscardedRecord['destination']> {
    const { destination, onFailure, identity, clock, random } = this.#options
    if (destination === undefined) return 'none'
    const payload = destination === 's3' ? eventJson(batch.records, this.#streamArn) : undefined
    const now = clock.now()
    const record = createInvocationRecord({ ...batch, identity, streamArn: this.#streamArn, now, payload })
    try {
      await (destination === 's3'
        ? onFailure?.(record, objectKey(record, this.#mappingId, uuid(random)))
        : onFailure?.(record))
    } catch {
      return 'failed'
    }
    this.delivered.push(record)
    return 'delivered'
  }
}
