import { isDeepStrictEqual } from 'node:util'
import type { StreamToken } from '../../../src/index.ts'
import { ancestorsOf, tokenCoverage } from '../../../src/position/token-coverage.ts'
import type { ObservedRecord, WorkerEvent } from './worker-log.ts'

/** One run of a worker, from its start to its exit. */
export interface WorkerRun {
  readonly events: readonly WorkerEvent[]
  /** The checkpoint in the store after the worker has exited; undefined if no checkpoint exists. */
  readonly checkpoint: StreamToken | undefined
}

/** The records that were written to the table, and the shards. */
export interface WrittenRecords {
  /** The writes in order. */
  readonly written: readonly { readonly n: number; readonly id: string }[]
  parentOf(shardId: string): string | undefined
}

/** The result of a series of runs. */
export interface Summary {
  /** One sentence for each broken guarantee; empty if all hold. */
  readonly faults: readonly string[]
  readonly delivered: number
  readonly repeated: number
  readonly saved: number
}

/**
 * Checks consecutive runs, each of which resumes from the previous one. The last run must reach the end of
 * the stream.
 */
export function checkRuns(runs: readonly WorkerRun[], written: WrittenRecords): Summary {
  const faults: string[] = []
  const observed = new Map(recordsOf(runs).map(({ record }) => [record.n, record]))
  const forest = forestOf([...observed.values()], written)

  faults.push(...lostOrUnknown(runs, written), ...firstDeliveriesOutOfOrder(runs, forest))
  let checkpoint: StreamToken | undefined
  for (const [index, run] of runs.entries()) {
    faults.push(...checkRun(run, checkpoint, forest).map((fault) => `run ${index}: ${fault}`))
    checkpoint = run.checkpoint
  }
  const delivered = recordsOf(runs).length
  const saved = runs.flatMap(({ events }) => events).filter((event) => 'saved' in event).length
  return { faults, delivered, repeated: delivered - observed.size, saved }
}

/** The observed records by shard, and the ancestors of each shard. */
interface Forest {
  readonly ofShard: ReadonlyMap<string, readonly ObservedRecord[]>
  ancestorsOf(shardId: string): readonly string[]
  /** Returns the numbers of the records that a token covers. */
  coveredBy(token: StreamToken | undefined): Set<number>
}

function forestOf(records: readonly ObservedRecord[], { parentOf }: WrittenRecords): Forest {
  const ofShard = new Map<string, ObservedRecord[]>()
  for (const record of records) {
    const siblings = ofShard.get(record.shardId)
    if (siblings) siblings.push(record)
    else ofShard.set(record.shardId, [record])
  }
  const coveredBy = (token: StreamToken | undefined) => {
    if (token === undefined) return new Set<number>()
    const hasTime = token.shards.some(({ at }) => typeof at === 'object' && 'since' in at)
    if (hasTime) throw new Error('The token of a reader that started at trim_horizon contains a time')
    return new Set(records.filter(tokenCoverage(token, parentOf)).map(({ n }) => n))
  }
  return { ofShard, ancestorsOf: (shardId) => [...ancestorsOf(shardId, parentOf)], coveredBy }
}

function lostOrUnknown(runs: readonly WorkerRun[], { written }: WrittenRecords): string[] {
  const processed = new Set(
    runs.flatMap(({ events }) => events.flatMap((event) => ('processed' in event ? event.processed : []))),
  )
  const ids = new Map(written.map(({ n, id }) => [n, id]))
  const lost = written.filter(({ n }) => !processed.has(n)).map(({ n }) => n)
  const unknown = recordsOf(runs).filter(({ record }) => ids.get(record.n) !== record.id)
  return [
    ...listed('lost', lost),
    ...listed(
      'never written',
      unknown.map(({ record }) => record.n),
    ),
  ]
}

/**
 * Checks the order of first deliveries: records of an item arrive in the order of the writes, and those of a
 * child shard after all records of its parent.
 */
function firstDeliveriesOutOfOrder(
  runs: readonly WorkerRun[],
  { ofShard, ancestorsOf: ancestors }: Forest,
): string[] {
  const faults: string[] = []
  const seen = new Set<number>()
  const lastOfItem = new Map<string, number>()
  const startedShards = new Set<string>()
  for (const { record } of recordsOf(runs)) {
    const { n, id, shardId } = record
    if (seen.has(n)) continue
    seen.add(n)
    if (n < (lastOfItem.get(id) ?? -1)) faults.push(`item ${id}: ${n} after ${lastOfItem.get(id)}`)
    lastOfItem.set(id, n)
    if (startedShards.has(shardId)) continue
    startedShards.add(shardId)
    const expected = ancestors(shardId).flatMap((ancestor) => ofShard.get(ancestor) ?? [])
    const missing = expected.filter((other) => !seen.has(other.n)).map((other) => other.n)
    faults.push(...listed(`delivered after ${n} of a child shard`, missing))
  }
  return faults
}

/**
 * Checks one run: it starts exactly at the checkpoint, repeats nothing, and saves exactly the processed
 * records.
 */
function checkRun(
  { events, checkpoint: final }: WorkerRun,
  checkpoint: StreamToken | undefined,
  forest: Forest,
): string[] {
  const faults: string[] = []
  /** The records that must not be delivered (again). */
  const delivered = forest.coveredBy(checkpoint)
  const processed = new Set(delivered)
  const lastOfShard = new Map<string, bigint>()
  /** The tokens that may be in the store now: the last saved one, and those of saves in flight. */
  let possible = [checkpoint]
  for (const event of events) {
    if ('loaded' in event) {
      if (!isDeepStrictEqual(event.loaded ?? undefined, checkpoint)) {
        faults.push('loaded another checkpoint than the previous run left')
      }
    } else if ('record' in event) {
      const { n, shardId, sequenceNumber } = event.record
      if (delivered.has(n)) faults.push(`${n} was delivered again`)
      if (BigInt(sequenceNumber) < (lastOfShard.get(shardId) ?? -1n)) {
        faults.push(`${n} was delivered after a later record of its shard`)
      }
      lastOfShard.set(shardId, BigInt(sequenceNumber))
      delivered.add(n)
    } else if ('processed' in event) processed.add(event.processed)
    else if ('saving' in event) {
      possible.push(event.saving)
      faults.push(...differences(forest.coveredBy(event.saving), processed))
    } else if ('saved' in event) possible = possible.slice(-1)
  }
  if (!possible.some((token) => isDeepStrictEqual(token, final))) {
    faults.push('left another checkpoint than the last one saved or in flight')
  }
  return faults
}

function differences(covered: ReadonlySet<number>, processed: ReadonlySet<number>): string[] {
  const tooMany = [...covered].filter((n) => !processed.has(n))
  const tooFew = [...processed].filter((n) => !covered.has(n))
  return [
    ...listed('in a checkpoint but not processed', tooMany),
    ...listed('processed but not in the checkpoint', tooFew),
  ]
}

function recordsOf(runs: readonly WorkerRun[]): { readonly record: ObservedRecord }[] {
  return runs.flatMap(({ events }) => events).filter((event) => 'record' in event)
}

function listed(problem: string, numbers: readonly number[]): string[] {
  if (numbers.length === 0) return []
  return [`${numbers.length} ${problem}: ${numbers.slice(0, 5).join(', ')}${numbers.length > 5 ? ' …' : ''}`]
}
