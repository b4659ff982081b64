import type { EmulatedRecord } from '../emulator/state/record.ts'
import { type Delivered, type DeliveryReport, nameOf } from './compare-delivery.ts'

/** What a consumer did with a stream, over all its lives, held against what was written. */
export interface HistoryReport extends DeliveryReport {
  /** Were trimmed before they were processed. */
  readonly trimmed: readonly EmulatedRecord[]
  /** First records of shards that came before all that their parents and ancestors held. */
  readonly beforeParent: readonly Delivered[]
  readonly restarts: number
}

/** One thing that happened to the consumer. */
export type HistoryEvent =
  | { readonly processed: Delivered }
  /** It started again; `covered` tells what it was not to process again, where that is known. */
  | { readonly restarted: { readonly covered: Covered | undefined } }

type Covered = (record: EmulatedRecord) => boolean

/** What really happened. */
export interface Truth {
  /** In the order of writing. */
  readonly written: readonly EmulatedRecord[]
  /** Whether the consumer was to process the record at all. */
  readonly isOwed: (record: EmulatedRecord) => boolean
  readonly parentOf: (shardId: string) => string | undefined
}

/** What came in some span of the history, and how far it came in each lane: an item, or a shard. */
interface Progress {
  readonly seen: Set<string>
  readonly lastPlaces: Map<string, number>
}

/** From one start of the consumer to the next. */
interface Life extends Progress {
  readonly covered: Covered | undefined
  readonly begunShards: Set<string>
}

/** Goes through the history once. */
export function checkHistory(events: readonly HistoryEvent[], truth: Truth): HistoryReport {
  const { written, isOwed } = truth
  const places = new Map(written.map((record, place) => [nameOf(record), { record, place }]))
  const owesAncestors = createOwesAncestors(truth)
  const repeated: Delivered[] = []
  const outOfOrder: Delivered[] = []
  const beforeParent: Delivered[] = []
  const unknown: Delivered[] = []
  const whole = newProgress()
  let life = newLife(() => false)
  let restarts = 0

  const process = (one: Delivered): void => {
    const name = nameOf(one)
    const found = places.get(name)
    if (!found) return void unknown.push(one)
    const { record, place } = found
    const isFirst = !whole.seen.has(name)
    if (life.seen.has(name) || (!isFirst && life.covered?.(record))) return void repeated.push(one)

    // What a restarted consumer does again, it does in order again; that order is its own.
    const spans = isFirst ? [life, whole] : [life]
    if (!advance(record, place, spans)) outOfOrder.push(one)
    if (!life.begunShards.has(record.shardId)) {
      life.begunShards.add(record.shardId)
      if (owesAncestors(record.shardId, life, whole)) beforeParent.push(one)
    }
    for (const { seen } of spans) seen.add(name)
  }

  for (const event of events) {
    if ('processed' in event) process(event.processed)
    else {
      life = newLife(event.restarted.covered)
      restarts++
    }
  }
  const owed = written.filter(isOwed)
  const missing = owed.filter((record) => !whole.seen.has(nameOf(record)))
  return {
    written: owed.length,
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
  return { seen: new Set(), lastPlaces: new Map() }
}

function newLife(covered: Covered | undefined): Life {
  return { ...newProgress(), covered, begunShards: new Set() }
}

/** Notes that the record came; false when one of its item or shard that was written later had come before. */
function advance(record: EmulatedRecord, place: number, spans: readonly Progress[]): boolean {
  const lanes = [`item ${record.keyText}`, `shard ${record.shardId}`]
  if (spans.some(({ lastPlaces }) => lanes.some((lane) => place < (lastPlaces.get(lane) ?? -1)))) return false
  for (const { lastPlaces } of spans) for (const lane of lanes) lastPlaces.set(lane, place)
  return true
}

/** Whether a shard's parent, or an ancestor, holds what should have come before the shard's first record. */
function createOwesAncestors({ written, isOwed, parentOf }: Truth) {
  const byShard = new Map<string, EmulatedRecord[]>()
  for (const record of written) {
    const siblings = byShard.get(record.shardId)
    if (siblings) siblings.push(record)
    else byShard.set(record.shardId, [record])
  }
  return (shardId: string, life: Life, whole: Progress): boolean => {
    const isMissing = (record: EmulatedRecord) => {
      if (record.trimmed || !isOwed(record)) return false
      // Without knowing where the life began, what came before it may have been done then.
      if (!life.covered) return !whole.seen.has(nameOf(record))
      return !life.covered(record) && !life.seen.has(nameOf(record))
    }
    for (let at = parentOf(shardId); at !== undefined; at = parentOf(at)) {
      if (byShard.get(at)?.some(isMissing)) return true
    }
    return false
  }
}
