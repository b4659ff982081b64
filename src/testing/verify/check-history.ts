import type { EmulatedRecord } from '../emulator/state/record.ts'
import { type Delivered, type DeliveryReport, nameOf } from './compare-delivery.ts'

/** What a consumer processed, across its restarts, compared with what was written. */
export interface HistoryReport extends DeliveryReport {
  /** Records that were trimmed before they were processed. */
  readonly trimmed: readonly EmulatedRecord[]
  /** The first record of each shard whose ancestors had records that should have been processed before it. */
  readonly beforeParent: readonly Delivered[]
  /** The number of restarts. */
  readonly restarts: number
}

/** An event in the history of a consumer. */
export type HistoryEvent =
  | { readonly processed: Delivered }
  /**
   * A restart. `covered` returns whether the checkpoint covers a record; it is `undefined` if the checkpoint
   * is unknown.
   */
  | { readonly restarted: { readonly covered: Covered | undefined } }

type Covered = (record: EmulatedRecord) => boolean

/** What the consumer's history is compared with. */
export interface Truth {
  /** All records, in write order. */
  readonly written: readonly EmulatedRecord[]
  /** Whether the consumer has to process the record. */
  readonly isExpected: (record: EmulatedRecord) => boolean
  readonly parentOf: (shardId: string) => string | undefined
}

/** The records processed in a period of the history. */
interface Progress {
  readonly seen: Set<string>
  /** The index in write order of the last record of each item and of each shard. */
  readonly lastIndexes: Map<string, number>
}

/** The period from one start of the consumer to the next. */
interface Run extends Progress {
  readonly covered: Covered | undefined
  readonly startedShards: Set<string>
}

/** Checks the history in a single pass. */
export function checkHistory(events: readonly HistoryEvent[], truth: Truth): HistoryReport {
  const { written, isExpected } = truth
  const byName = new Map(written.map((record, index) => [nameOf(record), { record, index }]))
  const missesAncestors = createAncestorCheck(truth)
  const repeated: Delivered[] = []
  const outOfOrder: Delivered[] = []
  const beforeParent: Delivered[] = []
  const unknown: Delivered[] = []
  const overall = newProgress()
  let run = newRun(() => false)
  let restarts = 0

  const process = (one: Delivered): void => {
    const name = nameOf(one)
    const found = byName.get(name)
    if (!found) return void unknown.push(one)
    const { record, index } = found
    const isFirst = !overall.seen.has(name)
    if (run.seen.has(name) || (!isFirst && run.covered?.(record))) return void repeated.push(one)

    // A restarted consumer must repeat records in order too, but independently of the order before the
    // restart.
    const periods = isFirst ? [run, overall] : [run]
    if (!advance(record, index, periods)) outOfOrder.push(one)
    if (!run.startedShards.has(record.shardId)) {
      run.startedShards.add(record.shardId)
      if (missesAncestors(record.shardId, run, overall)) beforeParent.push(one)
    }
    for (const { seen } of periods) seen.add(name)
  }

  for (const event of events) {
    if ('processed' in event) process(event.processed)
    else {
      run = newRun(event.restarted.covered)
      restarts++
    }
  }
  const expected = written.filter(isExpected)
  const missing = expected.filter((record) => !overall.seen.has(nameOf(record)))
  return {
    written: expected.length,
    delivered: events.length - restarts,
    lost: missing.filter(({ trimmed }) => !trimmed),
    trimmed: missing.filter(({ trimmed }) => trimmed),
    repeated,
    outOfOrder,
    beforeParent,
    unknown,
    restarts,
  }
}

function newProgress(): Progress {
  return { seen: new Set(), lastIndexes: new Map() }
}

function newRun(covered: Covered | undefined): Run {
  return { ...newProgress(), covered, startedShards: new Set() }
}

/**
 * Notes a processed record. Returns false, and does not note it, if a later record of its item or shard has
 * already been processed.
 */
function advance(record: EmulatedRecord, index: number, periods: readonly Progress[]): boolean {
  const lanes = [`item ${record.keyText}`, `shard ${record.shardId}`]
  if (periods.some(({ lastIndexes }) => lanes.some((lane) => index < (lastIndexes.get(lane) ?? -1))))
    return false
  for (const { lastIndexes } of periods) for (const lane of lanes) lastIndexes.set(lane, index)
  return true
}

/**
 * Returns a function that checks whether ancestors of a shard have records that should have been processed
 * and were not.
 */
function createAncestorCheck({ written, isExpected, parentOf }: Truth) {
  const byShard = new Map<string, EmulatedRecord[]>()
  for (const record of written) {
    const shardRecords = byShard.get(record.shardId)
    if (shardRecords) shardRecords.push(record)
    else byShard.set(record.shardId, [record])
  }
  return (shardId: string, run: Run, overall: Progress): boolean => {
    const isMissing = (record: EmulatedRecord) => {
      if (record.trimmed || !isExpected(record)) return false
      // If the checkpoint is unknown, records processed before the restart can be covered by it.
      if (!run.covered) return !overall.seen.has(nameOf(record))
      return !run.covered(record) && !run.seen.has(nameOf(record))
    }
    for (let id = parentOf(shardId); id !== undefined; id = parentOf(id)) {
      if (byShard.get(id)?.some(isMissing)) return true
    }
    return false
  }
}
