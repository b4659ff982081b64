import { compareSequenceNumbers } from '../../position/sequence-number.ts'
import type { StreamToken } from '../../position/token.ts'
import { ancestorsOf, type ParentOf, tokenCoverage } from '../../position/token-coverage.ts'

/** A record that the worker has processed, as it told. */
export interface Delivery {
  /** Which process: 1 for the first. */
  readonly run: number
  readonly shardId: string
  readonly sequenceNumber: string
  readonly orderId: string
  readonly version: number
}

/** Everything that the verdict is drawn from. */
export interface Evidence {
  /** How often each order was written: its versions are 1 to that number. */
  readonly writes: ReadonlyMap<string, number>
  /** In the order in which they were processed. */
  readonly deliveries: readonly Delivery[]
  /** The checkpoint that each process left behind; undefined where there was none. */
  readonly checkpoints: readonly (StreamToken | undefined)[]
  /** The parent of each shard, as DescribeStream tells. */
  readonly parentOf: ParentOf
}

export interface Verdict {
  readonly written: number
  /** Different records that were processed. */
  readonly delivered: number
  readonly lost: number
  /** Against the order of a shard or of an item's writes, or a child's record before one of its parent. */
  readonly outOfOrder: number
  /** Processed again after a restart, because the last checkpoint did not cover them. */
  readonly repeated: number
  /** Processed again though there was no need to. */
  readonly repeatedInVain: number
  /** Never written. */
  readonly unknown: number
  /** Processed, and not covered by the checkpoint that was left at the end. */
  readonly unsaved: number
  readonly isGood: boolean
}

/** Counts. */
export function judge({ writes, deliveries, checkpoints, parentOf }: Evidence): Verdict {
  const covered = checkpoints.map((token) => token && tokenCoverage(token, parentOf))
  const seenIn = new Map<string, number>()
  const first: Delivery[] = []
  let repeated = 0
  let repeatedInVain = 0
  let unknown = 0
  for (const delivery of deliveries) {
    const { run, orderId, version } = delivery
    const id = `${orderId} ${version}`
    const wasSeenIn = seenIn.get(id)
    seenIn.set(id, run)
    if (version < 1 || version > (writes.get(orderId) ?? 0)) unknown++
    else if (wasSeenIn === undefined) first.push(delivery)
    // The process before left a checkpoint that leads to this record again.
    else if (wasSeenIn < run && !covered[run - 2]?.(delivery)) repeated++
    else repeatedInVain++
  }
  let written = 0
  for (const versions of writes.values()) written += versions
  const disordered = new Set(outOfOrder(first, parentOf))
  for (const run of new Set(deliveries.map((delivery) => delivery.run))) {
    const ofRun = deliveries.filter((delivery) => delivery.run === run)
    for (const delivery of outOfOrder(ofRun, parentOf)) disordered.add(delivery)
  }
  const isSaved = covered.at(-1)
  const unsaved = first.filter((delivery) => !isSaved?.(delivery)).length
  const counts = {
    lost: written - first.length,
    outOfOrder: disordered.size,
    repeatedInVain,
    unknown,
    unsaved,
  }
  const isGood = first.length > 0 && Object.values(counts).every((count) => count === 0)
  return { written, delivered: first.length, repeated, ...counts, isGood }
}

/** The deliveries that came too late, against what came before them in the list. */
function outOfOrder(deliveries: readonly Delivery[], parentOf: ParentOf): Delivery[] {
  const lastInShard = new Map<string, string>()
  const lastOfOrder = new Map<string, number>()
  /** Shards one of whose heirs has given a record. */
  const passed = new Set<string>()
  return deliveries.filter(({ shardId, sequenceNumber, orderId, version }) => {
    const inShard = lastInShard.get(shardId)
    const ofOrder = lastOfOrder.get(orderId) ?? 0
    if (inShard === undefined) for (const id of ancestorsOf(shardId, parentOf)) passed.add(id)
    const isAfter = inShard === undefined || compareSequenceNumbers(sequenceNumber, inShard) > 0
    if (isAfter) lastInShard.set(shardId, sequenceNumber)
    if (version > ofOrder) lastOfOrder.set(orderId, version)
    return !isAfter || version <= ofOrder || passed.has(shardId)
  })
}
