import { describe, expect, test } from 'vitest'
import { fetchRecords, RecordsUnavailable } from '../../../src/redrive/fetch-records.ts'
import type { RecordRange } from '../../../src/redrive/parse-letter.ts'
import { sdkStreamsApi } from '../../../src/streams-api/sdk-streams-api.ts'
import type { StreamsApi } from '../../../src/streams-api/streams-api.ts'
import { ManualClock, StreamEmulator, type StreamEmulatorOptions } from '../../../src/testing/index.ts'

function subject(options: StreamEmulatorOptions = {}) {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, ...options })
  const stop = new AbortController()
  const fetch = (range: RecordRange, api: StreamsApi = sdkStreamsApi(emulator.client())) =>
    clock.run(fetchRecords(api, range, { clock, random: () => 0.5, signal: stop.signal }))
  return { clock, emulator, stop, fetch }
}

/** The range from the record with the index `from` to the one with the index `to`. */
function rangeOf(emulator: StreamEmulator, from: number, to = from): RecordRange {
  const [first, last] = [emulator.records[from], emulator.records[to]]
  return {
    streamArn: emulator.streamArn,
    shardId: first?.shardId ?? '',
    first: first?.sequenceNumber ?? '',
    last: last?.sequenceNumber ?? '',
    count: to - from + 1,
  }
}

function failingWith(name: string, times: number, api: StreamsApi): StreamsApi {
  let failures = times
  return {
    ...api,
    readRecords: async (request, signal) => {
      if (failures-- > 0) throw Object.assign(new Error('Failed.'), { name })
      return api.readRecords(request, signal)
    },
  }
}

describe('fetchRecords', () => {
  test('returns exactly the records of the range, with their shard, time and values', async () => {
    const { emulator, fetch } = subject()
    for (let n = 0; n < 5; n++) emulator.put({ id: `i${n}`, n })
    const records = await fetch(rangeOf(emulator, 1, 3))
    expect(records.map(({ newImage }) => newImage)).toEqual([1, 2, 3].map((n) => ({ id: `i${n}`, n })))
    expect(records[0]).toMatchObject({
      shardId: emulator.records[1]?.shardId,
      sequenceNumber: emulator.records[1]?.sequenceNumber,
      createdAt: new Date(Date.UTC(2026, 0, 1)),
    })
    expect(await fetch(rangeOf(emulator, 4))).toHaveLength(1)
  })

  test('reads a range of several pages, in a shard that was closed meanwhile', async () => {
    const { emulator, fetch } = subject()
    emulator.fill({ records: 2_500 })
    const range = rangeOf(emulator, 10, 2_400)
    emulator.roll()
    expect(await fetch(range)).toHaveLength(2_391)
  })

  test.each([
    ['the first record', 0],
    ['all records', 2],
  ])('rejects with RecordsUnavailable if %s of the range was trimmed', async (_, through) => {
    const { emulator, fetch } = subject()
    for (let n = 0; n < 4; n++) emulator.put({ id: 'a', n })
    const range = rangeOf(emulator, 0, 2)
    emulator.trim({ shard: range.shardId, through: emulator.records[through]?.sequenceNumber })
    await expect(fetch(range)).rejects.toThrow(RecordsUnavailable)
  })

  test('rejects with RecordsUnavailable if the shard has expired', async () => {
    const { emulator, fetch } = subject()
    emulator.put({ id: 'a' })
    const range = rangeOf(emulator, 0)
    emulator.roll()
    emulator.trim({ shard: range.shardId })
    await expect(fetch(range)).rejects.toThrow(RecordsUnavailable)
  })

  test.each([
    ['of another stream', { streamArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/x/stream/2026' }],
    ['of a shard that does not exist', { shardId: 'shardId-00000001767225600000-ffffffff' }],
    ['whose last number is not that of a record', { last: '400000000000000000001' }],
    ['whose end is after the last record of a closed shard', { last: '999999999999999999999999999999' }],
  ])('rejects with RecordsUnavailable for a range %s', async (_, changes) => {
    const { emulator, fetch } = subject()
    for (let n = 0; n < 3; n++) emulator.put({ id: 'a', n })
    const range = rangeOf(emulator, 0, 2)
    emulator.roll()
    await expect(fetch({ ...range, ...changes })).rejects.toThrow(RecordsUnavailable)
  })

  test('rejects with RecordsUnavailable for a range that an open shard has not reached', async () => {
    const { emulator, fetch } = subject()
    emulator.put({ id: 'a' })
    const range = { ...rangeOf(emulator, 0), last: '999999999999999999999999999999' }
    await expect(fetch(range)).rejects.toThrow(RecordsUnavailable)
  })

  test('rejects with RecordsUnavailable if a service starts at another record, or passes the last one', async () => {
    const { fetch } = subject()
    const range = { streamArn: 'arn', shardId: 's', first: '1', last: '3', count: undefined }
    for (const numbers of [
      ['2', '3'],
      ['1', '4'],
    ]) {
      let reads = 0
      const api: StreamsApi = {
        listShards: () => Promise.reject(new Error('unused')),
        openIterator: async () => 'iterator',
        readRecords: async () => {
          if (++reads > 3) throw new Error('The range was left.')
          const records = numbers.map((SequenceNumber) => ({ dynamodb: { SequenceNumber } }))
          return { records, decode: undefined, nextIterator: 'next', bytes: undefined }
        },
      }
      await expect(fetch(range, api)).rejects.toThrow(RecordsUnavailable)
      expect(reads).toBe(1)
    }
  })

  test('calls that are throttled are repeated with delays, up to eight times', async () => {
    const { clock, emulator, fetch } = subject()
    emulator.put({ id: 'a' })
    const api = sdkStreamsApi(emulator.client())
    expect(await fetch(rangeOf(emulator, 0), failingWith('ThrottlingException', 7, api))).toHaveLength(1)
    expect(clock.monotonic()).toBeGreaterThan(1_000)
    await expect(fetch(rangeOf(emulator, 0), failingWith('ThrottlingException', 8, api))).rejects.toThrow(
      'Failed.',
    )
  })

  test('an error that a retry cannot fix is thrown unchanged at once', async () => {
    const { emulator, fetch } = subject()
    emulator.put({ id: 'a' })
    const api = failingWith('AccessDeniedException', 1, sdkStreamsApi(emulator.client()))
    await expect(fetch(rangeOf(emulator, 0), api)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  })

  test('stops at once when it is aborted while it waits for a retry', async () => {
    const { clock, emulator, stop, fetch } = subject()
    emulator.put({ id: 'a' })
    const api = failingWith('ThrottlingException', 8, sdkStreamsApi(emulator.client()))
    clock.setTimer(10, () => stop.abort())
    await expect(fetch(rangeOf(emulator, 0), api)).rejects.not.toThrow(RecordsUnavailable)
    expect(clock.monotonic()).toBe(10)
  })
})
