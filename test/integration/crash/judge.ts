import { isDeepStrictEqual } from 'node:util'
import type { StreamToken } from '../../../src/index.ts'
import { ancestorsOf, tokenCoverage } from '../../../src/position/token-coverage.ts'
import type { Evidence, Told } from './evidence.ts'

/** One worker's life. */
export interface Life {
  readonly evidence: readonly Evidence[]
  /** What the store held when the worker was dead; undefined: nothing. */
  readonly left: StreamToken | undefined
}

/** What really happened in the table. */
export interface Truth {
  /** The writes, in their order. */
  readonly written: readonly { readonly n: number; readonly id: string }[]
  parentOf(shardId: string): string | undefined
}

/** What a series of lives amounts to. */
export interface Verdict {
  /** What was promised and not kept, in words; empty when all is well. */
  readonly faults: readonly string[]
  readonly delivered: number
  readonly repeated: number
  readonly saved: number
}

/** Judges the lives of workers that went on one after the other, the last of which came to the end of the stream. */
export function judge(lives: readonly Life[], truth: Truth): Verdict {
  const faults: string[] = []
  const told = new Map(recordsOf(lives).map(({ record }) => [record.n, record]))
  const forest = forestOf([...told.values()], truth)

  faults.push(...lostOrUnknown(lives, truth), ...firstDeliveriesOutOfOrder(lives, forest))
  let checkpoint: StreamToken | undefined
  for (const [number, life] of lives.entries()) {
    faults.push(...judgeLife(life, checkpoint, forest).map((fault) => `life ${number}: ${fault}`))
    checkpoint = life.left
  }
  const delivered = recordsOf(lives).length
  const saved = lives.flatMap(({ evidence }) => evidence).filter((one) => 'saved' in one).length
  return { faults, delivered, repeated: delivered - told.size, saved }
}

/** The records by shard, and the shards that come before each. */
interface Forest {
  readonly ofShard: ReadonlyMap<string, readonly Told[]>
  ancestorsOf(shardId: string): readonly string[]
  /** The numbers of the records that a token covers. */
  coveredBy(token: StreamToken | undefined): Set<number>
}

function forestOf(records: readonly Told[], { parentOf }: Truth): Forest {
  const ofShard = new Map<string, Told[]>()
  for (const record of records) {
    const siblings = ofShard.get(record.shardId)
    if (siblings) siblings.push(record)
    else ofShard.set(record.shardId, [record])
  }
  const coveredBy = (token: StreamToken | undefined) => {
    if (token === undefined) return new Set<number>()
    return new Set(records.filter(tokenCoverage(token, parentOf)).map(({ n }) => n))
  }
  return { ofShard, ancestorsOf: (shardId) => [...ancestorsOf(shardId, parentOf)], coveredBy }
}

function lostOrUnknown(lives: readonly Life[], { written }: Truth): string[] {
  const done = new Set(
    lives.flatMap(({ evidence }) => evidence.flatMap((one) => ('done' in one ? one.done : []))),
  )
  const ids = new Map(written.map(({ n, id }) => [n, id]))
  const lost = written.filter(({ n }) => !done.has(n)).map(({ n }) => n)
  const unknown = recordsOf(lives).filter(({ record }) => ids.get(record.n) !== record.id)
  return [
    ...listed('lost', lost),
    ...listed(
      'never written',
      unknown.map(({ record }) => record.n),
    ),
  ]
}

/** Of first deliveries, those of an item come in the order of its writes, and those of a child after all of its parent. */
function firstDeliveriesOutOfOrder(
  lives: readonly Life[],
  { ofShard, ancestorsOf: ancestors }: Forest,
): string[] {
  const faults: string[] = []
  const seen = new Set<number>()
  const lastOfItem = new Map<string, number>()
  const begun = new Set<string>()
  for (const { record } of recordsOf(lives)) {
    const { n, id, shardId } = record
    if (seen.has(n)) continue
    seen.add(n)
    if (n < (lastOfItem.get(id) ?? -1)) faults.push(`item ${id}: ${n} after ${lastOfItem.get(id)}`)
    lastOfItem.set(id, n)
    if (begun.has(shardId)) continue
    begun.add(shardId)
    const owed = ancestors(shardId).flatMap((ancestor) => ofShard.get(ancestor) ?? [])
    const missing = owed.filter((other) => !seen.has(other.n)).map((other) => other.n)
    faults.push(...listed(`given out after ${n} of a child shard`, missing))
  }
  return faults
}

/** One life: begins exactly at the checkpoint, repeats nothing, and saves exactly what is done. */
function judgeLife({ evidence, left }: Life, checkpoint: StreamToken | undefined, forest: Forest): string[] {
  const faults: string[] = []
  /** What must not be given out (again). */
  const given = forest.coveredBy(checkpoint)
  const done = new Set(given)
  const lastOfShard = new Map<string, bigint>()
  /** What the store may hold now: what it has saved, and what it was asked to save. */
  let holds = [checkpoint]
  for (const one of evidence) {
    if ('loaded' in one) {
      if (!isDeepStrictEqual(one.loaded ?? undefined, checkpoint))
        faults.push('began with another checkpoint than was left')
    } else if ('record' in one) {
      const { n, shardId, sequenceNumber } = one.record
      if (given.has(n)) faults.push(`gave out ${n} again`)
      if (BigInt(sequenceNumber) < (lastOfShard.get(shardId) ?? -1n))
        faults.push(`gave out ${n} after a later record of its shard`)
      lastOfShard.set(shardId, BigInt(sequenceNumber))
      given.add(n)
    } else if ('done' in one) done.add(one.done)
    else if ('saving' in one) {
      holds.push(one.saving)
      faults.push(...differences(forest.coveredBy(one.saving), done))
    } else if ('saved' in one) holds = holds.slice(-1)
  }
  if (!holds.some((token) => isDeepStrictEqual(token, left)))
    faults.push('left another checkpoint than the last that was saved or being saved')
  return faults
}

function differences(covered: ReadonlySet<number>, done: ReadonlySet<number>): string[] {
  const tooMany = [...covered].filter((n) => !done.has(n))
  const tooFew = [...done].filter((n) => !covered.has(n))
  return [
    ...listed('in a checkpoint, though not done', tooMany),
    ...listed('done, and not in the checkpoint', tooFew),
  ]
}

function recordsOf(lives: readonly Life[]): { readonly record: Told }[] {
  return lives.flatMap(({ evidence }) => evidence).filter((one) => 'record' in one)
}

function listed(what: string, numbers: readonly number[]): string[] {
  if (numbers.length === 0) return []
  return [`${numbers.length} ${what}: ${numbers.slice(0, 5).join(', ')}${numbers.length > 5 ? ' …' : ''}`]
}
