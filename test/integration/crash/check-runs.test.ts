import { describe, expect, test } from 'vitest'
import type { ShardPosition, StreamToken } from '../../../src/index.ts'
import { checkRuns, type WorkerRun, type WrittenRecords } from './check-runs.ts'
import type { ObservedRecord, WorkerEvent } from './worker-log.ts'

// Shard c is a child of shard p. Records 0 (item x) and 1 (item y) are in p, records 2 (x) and 3 (y) in c.
const records: readonly ObservedRecord[] = [
  { n: 0, id: 'x', shardId: 'p', sequenceNumber: '10' },
  { n: 1, id: 'y', shardId: 'p', sequenceNumber: '20' },
  { n: 2, id: 'x', shardId: 'c', sequenceNumber: '30' },
  { n: 3, id: 'y', shardId: 'c', sequenceNumber: '40' },
]
const written: WrittenRecords = {
  written: records,
  parentOf: (shardId) => (shardId === 'c' ? 'p' : undefined),
}

const at = (positions: Record<string, ShardPosition>): StreamToken => ({
  version: 1,
  streamArn: 'arn',
  shards: Object.entries(positions).map(([shardId, position]) => ({ shardId, at: position })),
})
const all = at({ c: { end: '40' } })
const deliver = (n: number): WorkerEvent => ({ record: records[n] as ObservedRecord })
/** Delivers records, each of which is processed before the next. */
const work = (...numbers: number[]): WorkerEvent[] => numbers.flatMap((n) => [deliver(n), { processed: n }])
const save = (token: StreamToken): WorkerEvent[] => [{ saving: token }, { saved: true }]
const load = (token?: StreamToken): WorkerEvent => ({ loaded: token ?? null })
const run = (checkpoint: StreamToken | undefined, ...events: (WorkerEvent | WorkerEvent[])[]): WorkerRun => ({
  events: events.flat(),
  checkpoint,
})
const faultsOf = (...runs: WorkerRun[]) => checkRuns(runs, written).faults

const half = at({ p: { after: '10' }, c: 'start' })
/** Processes 0, saves, and is killed while it is processing 1. */
const first = run(half, load(), work(0), save(half), deliver(1))
const second = run(all, load(half), work(1, 2, 3), save(all), { ended: true })

describe('checkRuns', () => {
  test('a worker that repeats only records after its checkpoint has no faults', () => {
    expect(checkRuns([first, second], written)).toEqual({ faults: [], delivered: 5, repeated: 1, saved: 2 })
  })

  test('a save that was in flight when the worker was killed may have succeeded or not', () => {
    const saving = { saving: half }
    expect(faultsOf(run(half, load(), work(0), saving), second)).toEqual([])
    expect(
      faultsOf(run(undefined, load(), work(0), saving), run(all, load(), work(0, 1, 2, 3), save(all))),
    ).toEqual([])
  })

  test('a checkpoint must not cover the record that is being processed', () => {
    expect(faultsOf(run(half, load(), work(0), deliver(1), save(half)), second)).toEqual([])
    const early = at({ p: { after: '20' } })
    const after = run(all, load(early), work(2, 3), save(all))
    expect(faultsOf(run(early, load(), work(0), deliver(1), save(early)), after)).toEqual([
      '1 lost: 1',
      'run 0: 1 in a checkpoint but not processed: 1',
    ])
  })

  test('a lost record is reported', () => {
    const short = at({ c: { after: '30' } })
    expect(faultsOf(run(short, load(), work(0, 1, 2), save(short)))).toEqual(['1 lost: 3'])
  })

  test('a record that was never written is reported', () => {
    const unknown = { record: { n: 7, id: 'x', shardId: 'c', sequenceNumber: '50' } }
    expect(faultsOf(first, run(all, load(half), work(1, 2, 3), unknown, save(all)))).toContain(
      '1 never written: 7',
    )
  })

  test('a record that is delivered again although the checkpoint covers it is reported', () => {
    const again = run(all, load(half), work(0, 1, 2, 3), save(all))
    expect(faultsOf(first, again)).toEqual(['run 1: 0 was delivered again'])
  })

  test('a record that is delivered twice in one run is reported', () => {
    const twice = run(all, load(half), work(1, 2, 2, 3), save(all))
    expect(faultsOf(first, twice)).toContain('run 1: 2 was delivered again')
  })

  test('a checkpoint that covers unprocessed records is reported', () => {
    const early = at({ p: { after: '20' } })
    expect(faultsOf(run(early, load(), work(0), save(early)), second)).toContain(
      'run 0: 1 in a checkpoint but not processed: 1',
    )
  })

  test('a checkpoint that lacks processed records is reported', () => {
    const late = run(half, load(), work(0, 1, 2), save(half))
    expect(faultsOf(late, second)).toEqual(['run 0: 2 processed but not in the checkpoint: 1, 2'])
  })

  test('a saved checkpoint that is missing after the worker has exited is reported', () => {
    const forgotten = run(undefined, load(), work(0), save(half), work(1))
    const after = run(all, load(), work(0, 1, 2, 3), save(all))
    expect(faultsOf(forgotten, after)).toEqual([
      'run 0: left another checkpoint than the last one saved or in flight',
    ])
  })

  test('a worker that does not start at the checkpoint is reported', () => {
    const elsewhere = run(all, load(), work(1, 2, 3), save(all))
    expect(faultsOf(first, elsewhere)).toEqual([
      'run 1: loaded another checkpoint than the previous run left',
    ])
  })

  test('a child shard that is delivered before the end of its parent is reported', () => {
    const early = run(all, load(half), work(2, 1, 3), save(all))
    expect(faultsOf(run(half, load(), work(0), save(half)), early)).toEqual([
      '1 delivered after 2 of a child shard: 1',
    ])
  })

  test('records of an item or a shard that change their order are reported', () => {
    const swapped = run(all, load(), work(1, 0, 3, 2), save(all))
    expect(faultsOf(swapped)).toEqual([
      'run 0: 0 was delivered after a later record of its shard',
      'run 0: 2 was delivered after a later record of its shard',
    ])
    const item = run(all, load(), work(2, 0, 1, 3), save(all))
    expect(faultsOf(item)).toContain('item x: 0 after 2')
  })
})
