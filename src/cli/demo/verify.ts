import { compareSequenceNumbers } from '../../position/sequence-number.ts'
import type { StreamToken } from '../../position/token.ts'
import { ancestorsOf, type ParentOf, tokenCoverage } from '../../position/token-coverage.ts'

/** A record that a worker has processed. */
export interface Delivery {
  /** The number of the worker process, from 1. */
  readonly run: number
  readonly shardId: string
  readonly sequenceNumber: string
  readonly orderId: string
  readonly version: number
}

/** What happened in the demo. */
export interface Evidence {
  /** The number of writes to each order. Its versions are 1 to that number. */
  readonly writes: ReadonlyMap<string, number>
  /** In the order in which they were processed. */
  readonly deliveries: readonly Delivery[]
  /** The last checkpoint of each worker process, if it saved one. */
  readonly checkpoints: readonly (StreamToken | undefined)[]
  /** The parent of each shard, according to DescribeStream. */
  readonly parentOf: ParentOf
}

/** Numbers of records. */
export interface Verdict {
  readonly written: number
  /** Distinct records that were processed. */
  readonly delivered: number
  /** Written, but never processed. */
  readonly lost: number
  /** Processed after a later record of the same shard, of the same order, or of a descendant of the shard. */
  readonly outOfOrder: number
  /** Processed again by a later process, because the checkpoint of the previous one did not cover them. */
  readonly repeated: number
  /** Processed again although a checkpoint covered them, or by the same process. */
  readonly unexpectedDuplicates: number
  /** Processed, but never written. */
  readonly unknown: number
  /** Processed, but not covered by the final checkpoint. */
  readonly unsaved: number
  readonly isGood: boolean
}

/** Compares the processed records with the writes and the checkpoints. */
export function verify({ writes, deliveries, checkpoints, parentOf }: Evidence): Verdict {
  const coverages = checkpoints.map((token) => (token ? tokenCoverage(token, parentOf) : () => false))
  const lastRunOf = new Map<string, number>()
  const firstDeliveries: Delivery[] = []
  let repeated = 0
  let unexpectedDuplicates = 0
  let unknown = 0
  for (const delivery of deliveries) {
    const { run, orderId, version } = delivery
    const id = `${orderId} ${version}`
    const lastRun = lastRunOf.get(id)
    lastRunOf.set(id, run)
    if (version < 1 || version > (writes.get(orderId) ?? 0)) unknown++
    else if (lastRun === undefined) firstDeliveries.push(delivery)
    // The previous process left a checkpoint that does not cover the record.
    else if (lastRun < run && coverages[run - 2]?.(delivery) === false) repeated++
    else unexpectedDuplicates++
  }
  let written = 0
  for (const versions of writes.values()) written += versions
  const isSaved = coverages.at(-1)
  const faults = {
    lost: written - firstDeliveries.length,
    outOfOrder: countOutOfOrder(deliveries, firstDeliveries, parentOf),
    unexpectedDuplicates,
    unknown,
    unsaved: firstDeliveries.filter((delivery) => !isSaved?.(delivery)).length,
  }
  const isGood = firstDeliveries.length > 0 && Object.values(faults).every((count) => count === 0)
  return { written, delivered: firstDeliveries.length, repeated, ...faults, isGood }
}

/** Checks the first deliveries of all records, and all deliveries of each process. */
function countOutOfOrder(
  deliveries: readonly Delivery[],
  firstDeliveries: readonly Delivery[],
  parentOf: ParentOf,
): number {
  const found = new Set(findOutOfOrder(firstDeliveries, parentOf))
  for (const run of new Set(deliveries.map((delivery) => delivery.run))) {
    const ofRun = deliveries.filter((delivery) => delivery.run === run)
    for (const delivery of findOutOfOrder(ofRun, parentOf)) found.add(delivery)
  }
  return found.size
}

/** Returns the deliveries that should have been made before an earlier one in the list. */
function findOutOfOrder(deliveries: readonly Delivery[], parentOf: ParentOf): Delivery[] {
  const lastInShard = new Map<string, string>()
  const lastVersionOf = new Map<string, number>()
  /** The ancestors of the shards with a delivery. Nothing more should be delivered from them. */
  const ancestors = new Set<string>()
  return deliveries.filter(({ shardId, sequenceNumber, orderId, version }) => {
    const last = lastInShard.get(shardId)
    const lastVersion = lastVersionOf.get(orderId) ?? 0
    if (last === undefined) for (const id of ancestorsOf(shardId, parentOf)) ancestors.add(id)
    const isInOrder = last === undefined || compareSequenceNumbers(sequenceNumber, last) > 0
    if (isInOrder) lastInShard.set(shardId, sequenceNumber)
    if (version > lastVersion) lastVersionOf.set(orderId, version)
    return !isInOrder || version <= lastVersion || ancestors.has(shardId)
  })
}
