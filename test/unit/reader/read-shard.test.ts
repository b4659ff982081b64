import { describe, expect, it } from 'vitest'
import { ServiceClock } from '../../../src/core/service-clock.ts'
import { isTrimHorizonReadable, type ReadContext } from '../../../src/reader/read-shard.ts'
import type { RecordPage, StreamsApi } from '../../../src/streams-api/streams-api.ts'
import { ManualClock } from '../../../src/testing/index.ts'
import { readerOf } from './reader.ts'

/** A context whose GetShardIterator and GetRecords calls fail with these errors. */
function contextOf(failures: { openIterator?: string; readRecords?: string }): ReadContext {
  const clock = new ManualClock()
  const failWith = (name: string | undefined) => {
    if (name !== undefined) throw Object.assign(new Error(name), { name, $metadata: { httpStatusCode: 400 } })
  }
  const api: StreamsApi = {
    listShards: () => Promise.reject(new Error('is not called')),
    openIterator: async () => {
      failWith(failures.openIterator)
      return 'iterator'
    },
    readRecords: async (): Promise<RecordPage> => {
      failWith(failures.readRecords)
      return { records: [], decode: undefined, nextIterator: 'next', bytes: 0 }
    },
  }
  const { signal } = new AbortController()
  return { api, streamArn: 'arn', clock, serviceClock: new ServiceClock(clock), signal }
}

describe('isTrimHorizonReadable', () => {
  const trimmed = 'TrimmedDataAccessException'

  it('the oldest position is readable if GetRecords returns a page, and is not if GetRecords refuses the iterator', async () => {
    expect(await isTrimHorizonReadable(readerOf(), contextOf({}))).toBe(true)
    expect(await isTrimHorizonReadable(readerOf(), contextOf({ readRecords: trimmed }))).toBe(false)
  })

  it('isTrimHorizonReadable throws any other error of its calls', async () => {
    for (const failures of [
      { readRecords: 'ThrottlingException' },
      { openIterator: 'AccessDeniedException' },
    ]) {
      const name = Object.values(failures)[0]
      await expect(isTrimHorizonReadable(readerOf(), contextOf(failures))).rejects.toMatchObject({ name })
    }
  })
})
