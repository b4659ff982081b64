import { describe, expect, test } from 'vitest'
import {
  describeStream,
  errorOf,
  expired,
  iterator,
  keysOf,
  notFound,
  numberOf,
  outcome,
  put,
  read,
  readAll,
  trimmed,
} from './calls.ts'
import { hour, minute, type TimedSubject } from './timed-subjects.ts'

/** Tests how iterators, records and streams expire. */
export function agingBehaviors({ createTable, profile }: TimedSubject): void {
  const isLocal = profile === 'local'

  describe('iterators', () => {
    test('an iterator of any type expires 15 minutes after it was issued', async () => {
      const table = await createTable()
      await put(table, 'a')
      const [first, latest] = [await iterator(table, 'TRIM_HORIZON'), await iterator(table, 'LATEST')]
      await table.advance(14 * minute)
      const page = await read(table, first)
      expect(keysOf(page)).toEqual(['a'])
      await table.advance(2 * minute)
      for (const old of [first, latest]) expect(await errorOf(read(table, old))).toBe(expired)
      expect(keysOf(await read(table, page.NextShardIterator))).toEqual([])
    })
  })

  test('TRIM_HORIZON of an open shard whose oldest records were trimmed starts at the first retained record', async () => {
    const table = await createTable()
    await table.putMany(['a', 'b'])
    const [older, old] = (await readAll(table)).map((record) => ({ SequenceNumber: numberOf(record) }))
    await table.advance(13 * hour)
    await put(table, 'c')
    await table.advance(12 * hour)
    expect(await outcome(table, 'TRIM_HORIZON')).toEqual(['c'])
    expect(await outcome(table, 'LATEST')).toEqual([])
    const refused = `${isLocal ? 'no records' : 'no iterator'}: ${trimmed}`
    expect(await outcome(table, 'AT_SEQUENCE_NUMBER', old)).toBe(refused)
    expect(await outcome(table, 'AFTER_SEQUENCE_NUMBER', older)).toBe(refused)
    // No record after it is missing.
    expect(await outcome(table, 'AFTER_SEQUENCE_NUMBER', old)).toEqual(['c'])
  })

  test('an open shard whose records were all trimmed is unreadable in DynamoDB Local until the next write', async () => {
    const table = await createTable()
    await put(table, 'a')
    const [SequenceNumber] = (await readAll(table)).map(numberOf)
    await table.advance(24 * hour - 5 * minute)
    const tip = (await read(table, await iterator(table, 'TRIM_HORIZON'))).NextShardIterator
    await table.advance(10 * minute)
    const unreadable = isLocal ? trimmed : 'none'
    expect(await errorOf(read(table, tip))).toBe(unreadable)
    for (const type of ['TRIM_HORIZON', 'LATEST'] as const) {
      expect(await outcome(table, type)).toEqual(isLocal ? `no records: ${trimmed}` : [])
    }
    const after = await outcome(table, 'AFTER_SEQUENCE_NUMBER', { SequenceNumber })
    expect(after).toEqual(isLocal ? `no records: ${trimmed}` : [])
    await put(table, 'b')
    expect(keysOf(await read(table, tip))).toEqual(['b'])
    expect(await outcome(table, 'TRIM_HORIZON')).toEqual(['b'])
    expect(await outcome(table, 'AFTER_SEQUENCE_NUMBER', { SequenceNumber })).toEqual(['b'])
  })

  test('a delete by TTL is marked with the identity of the service, except in DynamoDB Local 3.3.0', async () => {
    const table = await createTable()
    await table.writeWithTtl('a')
    const [, { eventName, userIdentity } = {}] = await readAll(table)
    expect({ eventName, userIdentity }).toEqual(
      isLocal
        ? { eventName: 'UNKNOWN_TO_SDK_VERSION', userIdentity: undefined }
        : { eventName: 'REMOVE', userIdentity: { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' } },
    )
  })

  test('a stream can no longer be described 24 hours after it was disabled', async () => {
    const table = await createTable()
    await table.disable()
    await table.advance(23 * hour)
    expect((await describeStream(table)).StreamStatus).toBe('DISABLED')
    await table.advance(2 * hour)
    expect(await errorOf(describeStream(table))).toBe(notFound)
  })
}
