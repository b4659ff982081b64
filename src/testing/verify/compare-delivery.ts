import { AssertionError } from 'node:assert'
import type { EmulatedRecord } from '../emulator/state/record.ts'
import { checkOptions, oneOf } from '../options/check-options.ts'

/** A record that a consumer received. A `StreamRecord` or an `EmulatedRecord` can be passed as is. */
export interface Delivered {
  readonly shardId: string
  readonly sequenceNumber: string
}

/** What a consumer received, compared with what was written. */
export interface DeliveryReport {
  /** The number of expected records, including those that were trimmed before they were delivered. */
  readonly written: number
  /** The number of records that the consumer received, including repetitions. */
  readonly delivered: number
  /** Records that were written and not trimmed, but never delivered. */
  readonly lost: readonly EmulatedRecord[]
  /** Records that were delivered again, once for each repetition. */
  readonly repeated: readonly Delivered[]
  /** Records that were delivered after a later record of the same item or of the same shard. */
  readonly outOfOrder: readonly Delivered[]
  /** Records that were delivered, but never written. */
  readonly unknown: readonly Delivered[]
}

/**
 * Compares the records that a consumer received, in order, with those that were written: `emulator.records`.
 * The writes of each item and of each shard must arrive in order. Repetitions do not count as out of order,
 * because a consumer that restarts from a checkpoint receives the records after the checkpoint again.
 */
export function compareDelivery(
  written: readonly EmulatedRecord[],
  delivered: readonly Delivered[],
): DeliveryReport {
  const byName = new Map(written.map((record, index) => [nameOf(record), { record, index }]))
  const seen = new Set<string>()
  const lastIndexes = new Map<string, number>()
  const repeated: Delivered[] = []
  const outOfOrder: Delivered[] = []
  const unknown: Delivered[] = []
  for (const one of delivered) {
    const name = nameOf(one)
    const found = byName.get(name)
    if (!found) unknown.push(one)
    else if (seen.has(name)) repeated.push(one)
    else {
      seen.add(name)
      const lanes = [`item ${found.record.keyText}`, found.record.shardId]
      if (lanes.some((lane) => found.index < (lastIndexes.get(lane) ?? -1))) outOfOrder.push(one)
      else for (const lane of lanes) lastIndexes.set(lane, found.index)
    }
  }
  const lost = written.filter((record) => !record.trimmed && !seen.has(nameOf(record)))
  return { written: written.length, delivered: delivered.length, lost, repeated, outOfOrder, unknown }
}

/**
 * Throws an `AssertionError` if a record was lost, out of order, never written or, unless `repetitions` is
 * `'allowed'`, delivered more than once. The message contains the number of records with each fault, and the
 * first of them. For consumers that restart from checkpoints, `trackConsumer` is more precise.
 */
export function expectDelivered(
  written: readonly EmulatedRecord[],
  delivered: readonly Delivered[],
  options: {
    /** Whether records can be delivered more than once. @default 'refused' */
    readonly repetitions?: 'refused' | 'allowed' | undefined
  } = {},
): void {
  checkOptions('', options, { repetitions: oneOf({ refused: true, allowed: true }) })
  const report = compareDelivery(written, delivered)
  const faults = [
    describe('lost', report.lost),
    describe('out of order', report.outOfOrder),
    describe('never written', report.unknown),
    options.repetitions === 'allowed' ? '' : describe('repeated', report.repeated),
  ].filter((text) => text !== '')
  if (faults.length === 0) return
  throw new AssertionError({
    message: `Of ${report.written} records: ${faults.join('; ')}`,
    stackStartFn: expectDelivered,
  })
}

function describe(what: string, records: readonly Delivered[]): string {
  const [first] = records
  return first ? `${records.length} ${what} (the first: ${first.sequenceNumber} of ${first.shardId})` : ''
}

/** Returns a name that is unique among the records of all streams. */
export function nameOf({ shardId, sequenceNumber }: Delivered): string {
  return `${shardId} ${sequenceNumber}`
}
