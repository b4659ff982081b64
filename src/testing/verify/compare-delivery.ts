import { AssertionError } from 'node:assert'
import { checkNames } from '../../core/options.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'

/** What a consumer got: the records themselves will do. */
export interface Delivered {
  readonly shardId: string
  readonly sequenceNumber: string
}

/** What a consumer got, held against what was written. */
export interface DeliveryReport {
  readonly written: number
  readonly delivered: number
  /** Written, not trimmed, and never delivered. */
  readonly lost: readonly EmulatedRecord[]
  /** Delivered more than once, each time too many. */
  readonly repeated: readonly Delivered[]
  /** Came after a record of the same item, or of the same shard, that was written later. */
  readonly outOfOrder: readonly Delivered[]
  /** Were never written. */
  readonly unknown: readonly Delivered[]
}

/**
 * Counts what was lost, repeated or out of order. Order is that of the writes of each item,
 * and of those to each shard. Repetitions are no order
 * faults: a consumer that starts again at a checkpoint gives what came after it once more.
 */
export function compareDelivery(
  written: readonly EmulatedRecord[],
  delivered: readonly Delivered[],
): DeliveryReport {
  const places = new Map(written.map((record, place) => [nameOf(record), { record, place }]))
  const seen = new Set<string>()
  const lastPlace = new Map<string, number>()
  const repeated: Delivered[] = []
  const outOfOrder: Delivered[] = []
  const unknown: Delivered[] = []
  for (const one of delivered) {
    const name = nameOf(one)
    const found = places.get(name)
    if (!found) unknown.push(one)
    else if (seen.has(name)) repeated.push(one)
    else {
      seen.add(name)
      const lanes = [`item ${found.record.keyText}`, found.record.shardId]
      if (lanes.some((lane) => found.place < (lastPlace.get(lane) ?? -1))) outOfOrder.push(one)
      else for (const lane of lanes) lastPlace.set(lane, found.place)
    }
  }
  const lost = written.filter((record) => !record.trimmed && !seen.has(nameOf(record)))
  return { written: written.length, delivered: delivered.length, lost, repeated, outOfOrder, unknown }
}

/** Throws when a record was lost or out of order, and if not allowed, when one came twice. */
export function expectDelivered(
  written: readonly EmulatedRecord[],
  delivered: readonly Delivered[],
  options: { readonly repetitions?: 'refused' | 'allowed' | undefined } = {},
): void {
  checkNames('', options, ['repetitions'])
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

/** One record of all streams. */
export function nameOf({ shardId, sequenceNumber }: Delivered): string {
  return `${shardId} ${sequenceNumber}`
}
