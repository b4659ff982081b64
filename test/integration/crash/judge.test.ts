import { describe, expect, test } from 'vitest'
import type { ShardPosition, StreamToken } from '../../../src/index.ts'
import type { Evidence, Told } from './evidence.ts'
import { judge, type Life, type Truth } from './judge.ts'

// Shard p with the child c. Record 0 of item x and 1 of y are in p, 2 of x and 3 of y in c.
const records: readonly Told[] = [
  { n: 0, id: 'x', shardId: 'p', sequenceNumber: '10' },
  { n: 1, id: 'y', shardId: 'p', sequenceNumber: '20' },
  { n: 2, id: 'x', shardId: 'c', sequenceNumber: '30' },
  { n: 3, id: 'y', shardId: 'c', sequenceNumber: '40' },
]
const truth: Truth = { written: records, parentOf: (shardId) => (shardId === 'c' ? 'p' : undefined) }

const at = (positions: Record<string, ShardPosition>): StreamToken => ({
  version: 1,
  streamArn: 'arn',
  shards: Object.entries(positions).map(([shardId, position]) => ({ shardId, at: position })),
})
const all = at({ c: { end: '40' } })
const give = (n: number): Evidence => ({ record: records[n] as Told })
/** Gives records, each of which is done before the next. */
const work = (...numbers: number[]): Evidence[] => numbers.flatMap((n) => [give(n), { done: n }])
const save = (token: StreamToken): Evidence[] => [{ saving: token }, { saved: true }]
const begin = (token?: StreamToken): Evidence => ({ loaded: token ?? null })
const life = (left: StreamToken | undefined, ...evidence: (Evidence | Evidence[])[]): Life => ({
  evidence: evidence.flat(),
  left,
})
const faultsOf = (...lives: Life[]) => judge(lives, truth).faults

const half = at({ p: { after: '10' }, c: 'start' })
/** Does 0, saves, and is killed while it works on 1. */
const first = life(half, begin(), work(0), save(half), give(1))
const second = life(all, begin(half), work(1, 2, 3), save(all), { ended: true })

describe('the judge of the crash test', () => {
  test('finds no fault with a worker that repeats only what came after its checkpoint', () => {
    expect(judge([first, second], truth)).toEqual({ faults: [], delivered: 5, repeated: 1, saved: 2 })
  })

  test('takes a save that was under way when the worker was killed as done or not done', () => {
    const saving = { saving: half }
    expect(faultsOf(life(half, begin(), work(0), saving), second)).toEqual([])
    expect(
      faultsOf(life(undefined, begin(), work(0), saving), life(all, begin(), work(0, 1, 2, 3), save(all))),
    ).toEqual([])
  })

  test('asks a checkpoint not to hold the record that the worker works on', () => {
    expect(faultsOf(life(half, begin(), work(0), give(1), save(half)), second)).toEqual([])
    const early = at({ p: { after: '20' } })
    const after = life(all, begin(early), work(2, 3), save(all))
    expect(faultsOf(life(early, begin(), work(0), give(1), save(early)), after)).toEqual([
      '1 lost: 1',
      'life 0: 1 in a checkpoint, though not done: 1',
    ])
  })

  test('tells of a record that was lost', () => {
    const short = at({ c: { after: '30' } })
    expect(faultsOf(life(short, begin(), work(0, 1, 2), save(short)))).toEqual(['1 lost: 3'])
  })

  test('tells of a record that nobody wrote', () => {
    const odd = { record: { n: 7, id: 'x', shardId: 'c', sequenceNumber: '50' } }
    expect(faultsOf(first, life(all, begin(half), work(1, 2, 3), odd, save(all)))).toContain(
      '1 never written: 7',
    )
  })

  test('tells of a record that is given out again though it was in the checkpoint', () => {
    const again = life(all, begin(half), work(0, 1, 2, 3), save(all))
    expect(faultsOf(first, again)).toEqual(['life 1: gave out 0 again'])
  })

  test('tells of a record that one worker gets twice', () => {
    const twice = life(all, begin(half), work(1, 2, 2, 3), save(all))
    expect(faultsOf(first, twice)).toContain('life 1: gave out 2 again')
  })

  test('tells of a checkpoint that holds more than what is done', () => {
    const early = at({ p: { after: '20' } })
    expect(faultsOf(life(early, begin(), work(0), save(early)), second)).toContain(
      'life 0: 1 in a checkpoint, though not done: 1',
    )
  })

  test('tells of a checkpoint that holds less than what is done', () => {
    const late = life(half, begin(), work(0, 1, 2), save(half))
    expect(faultsOf(late, second)).toEqual(['life 0: 2 done, and not in the checkpoint: 1, 2'])
  })

  test('tells of a checkpoint that was saved and is not there when the worker is dead', () => {
    const forgotten = life(undefined, begin(), work(0), save(half), work(1))
    const after = life(all, begin(), work(0, 1, 2, 3), save(all))
    expect(faultsOf(forgotten, after)).toEqual([
      'life 0: left another checkpoint than the last that was saved or being saved',
    ])
  })

  test('tells of a worker that begins elsewhere than at the checkpoint', () => {
    const elsewhere = life(all, begin(), work(1, 2, 3), save(all))
    expect(faultsOf(first, elsewhere)).toEqual(['life 1: began with another checkpoint than was left'])
  })

  test('tells of a child that comes before the end of its parent', () => {
    const early = life(all, begin(half), work(2, 1, 3), save(all))
    expect(faultsOf(life(half, begin(), work(0), save(half)), early)).toEqual([
      '1 given out after 2 of a child shard: 1',
    ])
  })

  test('tells of the records of an item, or a shard, that change places', () => {
    const turned = life(all, begin(), work(1, 0, 3, 2), save(all))
    expect(faultsOf(turned)).toEqual([
      'life 0: gave out 0 after a later record of its shard',
      'life 0: gave out 2 after a later record of its shard',
    ])
    const item = life(all, begin(), work(2, 0, 1, 3), save(all))
    expect(faultsOf(item)).toContain('item x: 0 after 2')
  })
})
