import { describe, expect, test } from 'vitest'
import {
  describeStream,
  expired,
  iterator,
  keysOf,
  notFound,
  numberOf,
  outcome,
  put,
  read,
  readAll,
  refusal,
  trimmed,
} from './calls.ts'
import { hour, minute, type TimedSubject } from './timed-subjects.ts'

/** What time does to iterators, records and streams. */
export function agingBehaviours({ makeTable, profile }: TimedSubject): void {
  const isLocal = profile === 'local'

  describe('an iterator', () => {
    test('expires 15 minutes after it was given out, whatever its type', async () => {
      const table = await makeTable()
      await put(table, 'a')
      const [first, latest] = [await iterator(table, 'TRIM_HORIZON'), await iterator(table, 'LATEST')]
      await table.pass(14 * minute)
      const page = await read(table, first)
      expect(keysOf(page)).toEqual(['a'])
      await table.pass(2 * minute)
      for (const old of [first, latest]) expect(await refusal(read(table, old))).toBe(expired)
      expect(keysOf(await read(table, page.NextShardIterator))).toEqual([])
    })
  })

  test('an open shard of which some was trimmed begins with what is left', async () => {
    const table = await makeTable()
    await table.putMany(['a', 'b'])
    const [older, old] = (await readAll(table)).map((record) => ({ SequenceNumber: numberOf(record) }))
    await table.pass(13 * hour)
    await put(table, 'c')
    await table.pass(12 * hour)
    expect(await outcome(table, 'TRIM_HORIZON')).toEqual(['c'])
    expect(await outcome(table, 'LATEST')).toEqual([])
    const refused = `${isLocal ? 'no records' : 'no iterator'}: ${trimmed}`
    expect(await outcome(table, 'AT_SEQUENCE_NUMBER', old)).toBe(refused)
    expect(await outcome(table, 'AFTER_SEQUENCE_NUMBER', older)).toBe(refused)
    // Nothing is missing after it.
    expect(await outcome(table, 'AFTER_SEQUENCE_NUMBER', old)).toEqual(['c'])
  })

  test('an open shard of which all was trimmed is unreadable with DynamoDB Local until the next write', async () => {
    const table = await makeTable()
    await put(table, 'a')
    const [SequenceNumber] = (await readAll(table)).map(numberOf)
    await table.pass(24 * hour - 5 * minute)
    const tip = (await read(table, await iterator(table, 'TRIM_HORIZON'))).NextShardIterator
    await table.pass(10 * minute)
    const unreadable = isLocal ? trimmed : 'none'
    expect(await refusal(read(table, tip))).toBe(unreadable)
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

  test('time to live leaves a delete of the service, which the newer DynamoDB Local does not mark', async () => {
    const table = await makeTable()
    await table.writeForAnHour('a')
    const [, { eventName, userIdentity } = {}] = await readAll(table)
    expect({ eventName, userIdentity }).toEqual(
      isLocal
        ? { eventName: 'UNKNOWN_TO_SDK_VERSION', userIdentity: undefined }
        : { eventName: 'REMOVE', userIdentity: { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' } },
    )
  })

  test('a stream is gone 24 hours after it was switched off', async () => {
    const table = await makeTable()
    await table.disable()
    await table.pass(23 * hour)
    expect((await describeStream(table)).StreamStatus).toBe('DISABLED')
    await table.pass(2 * hour)
    expect(await refusal(describeStream(table))).toBe(notFound)
  })
}
