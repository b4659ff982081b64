import { expect, it } from 'vitest'
import { ReadTimes } from '../../../src/coordinator/read-times.ts'
import { Rounds } from '../../../src/coordinator/rounds.ts'
import { PageBudget } from '../../../src/reader/page-budget.ts'
import { ReadPump } from '../../../src/reader/read-pump.ts'
import { ShardReader } from '../../../src/reader/shard-reader.ts'
import { ShardNode } from '../../../src/shards/shard.ts'
import type { StreamsApi } from '../../../src/streams-api/streams-api.ts'
import { ManualClock } from '../../../src/testing/index.ts'

it('a shard whose last record was taken is read though memory is full, also if its last call failed', () => {
  const clock = new ManualClock()
  const asked: string[] = []
  const api: StreamsApi = {
    listShards: () => new Promise(() => {}),
    openIterator: ({ shardId }) => {
      asked.push(shardId)
      return new Promise(() => {})
    },
    readRecords: () => new Promise(() => {}),
  }
  const limits = { maxBufferedBytes: 1024 * 1024, pageSize: 1_000, maxConcurrentReads: 1 }
  const idlePollMs = { min: 200, max: 1_000 }
  const { signal } = new AbortController()
  const pump = new ReadPump(
    { api, streamArn: 'arn', clock, signal },
    new PageBudget({
      ...limits,
      idlePollMs,
      onGap: 'throw',
      discoveryIntervalMs: 60_000,
      unmarshallOptions: undefined,
    }),
    limits.maxConcurrentReads,
    { bufferedBytes: () => 2 * limits.maxBufferedBytes, sharers: () => 1, answered: () => {} },
  )
  const reader = new ShardReader(new ShardNode('a', undefined, 0), false, clock.now(), 1_000)
  const times = new ReadTimes({ clock, idlePollMs, pump, rounds: new Rounds(), readers: () => [reader] })

  const later = clock.now() + 500
  reader.queue.length = 1
  reader.failed(clock.now())
  pump.readAt(reader, later)
  pump.run(later)
  expect(asked).toEqual([])

  reader.queue.length = 0
  times.drained(reader, clock.now())
  pump.run(later - 1)
  expect(asked).toEqual([]) // the pause after the failure stays
  pump.run(later)
  expect(asked).toEqual(['a'])
})
