import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { StreamViewType } from '@aws-sdk/client-dynamodb-streams'
import { describe, expect, test } from 'vitest'
import { type Item, put, readAll, remove } from './calls.ts'
import type { Subject } from './subjects.ts'

const N = (text: string): AttributeValue => ({ N: text })
const S = (text: string): AttributeValue => ({ S: text })
const B = (...bytes: number[]): AttributeValue => ({ B: Uint8Array.from(bytes) })

/** Values that are returned as written. DynamoDB Local returns an empty map as a value without a type. */
const values: Record<string, AttributeValue> = {
  'an empty string': S(''),
  'a string with non-ASCII characters': S('é—𝄞 "quoted"\n'),
  'an integer': N('123456'),
  'a negative fraction': N('-12.5'),
  'a number of 38 digits': N('12345678901234567890123456789012345678'),
  'binary data': B(0, 127, 128, 255),
  'empty binary data': B(),
  true: { BOOL: true },
  false: { BOOL: false },
  null: { NULL: true },
  'an empty list': { L: [] },
  'a list': { L: [S('x'), N('1'), { L: [] }, { M: { a: B(7) } }] },
  'a map': { M: { a: N('2'), b: { M: { c: { NULL: true }, d: { L: [B(1, 2)] } } } } },
}

/** Tests the records of writes. */
export function recordBehaviors({ createTable, profile }: Subject): void {
  const isLocal = profile === 'local'

  describe('records', () => {
    test('a record contains the event, the key, the images, the region and the time of a write', async () => {
      const table = await createTable()
      const before = Date.now()
      await put(table, 'a', { n: N('1') })
      await put(table, 'a', { n: N('2') })
      await remove(table, 'a')
      const records = await readAll(table)
      const [region] = table.streamArn.split(':').slice(3)
      const record = (eventName: string, images: object, size: number) => ({
        eventID: expect.stringMatching(
          isLocal ? /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ : /^[0-9a-f]{32}$/,
        ),
        eventName,
        eventVersion: '1.1',
        eventSource: 'aws:dynamodb',
        awsRegion: region,
        dynamodb: {
          ApproximateCreationDateTime: expect.any(Date),
          Keys: { id: S('a') },
          SequenceNumber: expect.stringMatching(/^\d{21,40}$/),
          SizeBytes: size,
          StreamViewType: 'NEW_AND_OLD_IMAGES',
          ...images,
        },
      })
      const [one, two] = [1, 2].map((n) => ({ id: S('a'), n: N(String(n)) }))
      expect(records).toEqual([
        record('INSERT', { NewImage: one }, 9),
        record('MODIFY', { NewImage: two, OldImage: one }, 15),
        record('REMOVE', { OldImage: two }, 9),
      ])
      expect(new Set(records.map(({ eventID }) => eventID)).size).toBe(3)
      const numbers = records.map(({ dynamodb }) => BigInt(dynamodb?.SequenceNumber ?? ''))
      expect(numbers).toEqual([...numbers].sort((one, other) => (one < other ? -1 : 1)))
      // Truncated to the second, and in DynamoDB Local to the minute.
      const unit = isLocal ? 60_000 : 1_000
      for (const { dynamodb } of records) {
        const time = dynamodb?.ApproximateCreationDateTime?.getTime() ?? 0
        expect(time % unit).toBe(0)
        expect(time).toBeGreaterThan(before - unit)
        expect(time).toBeLessThanOrEqual(Date.now())
      }
    })

    test.for<[view: StreamViewType, hasNew: boolean, hasOld: boolean, sizes: number[]]>([
      ['KEYS_ONLY', false, false, [3, 3, 3]],
      ['NEW_IMAGE', true, false, [9, 10, 3]],
      ['OLD_IMAGE', false, true, [3, 9, 10]],
      ['NEW_AND_OLD_IMAGES', true, true, [9, 16, 10]],
    ])(
      'a record of the view type %s has a new image (%s) and an old image (%s)',
      async ([view, hasNew, hasOld, sizes]) => {
        const table = await createTable(view)
        await put(table, 'a', { n: N('1') })
        await put(table, 'a', { n: N('222') })
        await remove(table, 'a')
        const records = await readAll(table)
        const imagesOf = (name: 'NewImage' | 'OldImage') =>
          records.map(({ dynamodb }) => dynamodb?.[name]?.n?.N)
        expect(imagesOf('NewImage')).toEqual(
          hasNew ? ['1', '222', undefined] : [undefined, undefined, undefined],
        )
        expect(imagesOf('OldImage')).toEqual(
          hasOld ? [undefined, '1', '222'] : [undefined, undefined, undefined],
        )
        expect(records.map(({ dynamodb }) => dynamodb?.SizeBytes)).toEqual(sizes)
        expect(records.map(({ dynamodb }) => dynamodb?.StreamViewType)).toEqual([view, view, view])
        expect(records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY', 'REMOVE'])
      },
    )

    test.for(Object.entries(values))('an image contains %s as written', async ([, value]) => {
      const table = await createTable()
      await put(table, 'a', { value })
      const [record] = await readAll(table)
      expect(record?.dynamodb?.NewImage).toEqual({ id: S('a'), value })
    })

    test('an image contains sets with all their members', async () => {
      const table = await createTable()
      await put(table, 'a', {
        strings: { SS: ['b', 'a'] },
        numbers: { NS: ['2.50', '1'] },
        bytes: { BS: [Uint8Array.of(9), Uint8Array.of(1)] },
      })
      const { strings, numbers, bytes } = (await readAll(table))[0]?.dynamodb?.NewImage ?? {}
      expect(strings?.SS?.toSorted()).toEqual(['a', 'b'])
      expect(numbers?.NS?.toSorted()).toEqual(['1', '2.5'])
      expect(bytes?.BS?.map((one) => [...one]).toSorted()).toEqual([[1], [9]])
    })

    test.for<[written: string, stored: string, size: number]>([
      ['-12.50', '-12.5', 4],
      ['1e3', '1000', 2],
      ['00012', '12', 2],
      ['-0', '0', 1],
      ['2.50', '2.5', 3],
      ['1E-130', `0.${'0'.repeat(129)}1`, 2],
      ['9.9e125', `99${'0'.repeat(124)}`, 2],
    ])('the number %s is stored as %s and has %i bytes', async ([written, stored, size]) => {
      const table = await createTable()
      await put(table, 'a', { n: N(written) })
      const [record] = await readAll(table)
      expect(record?.dynamodb?.NewImage?.n).toEqual(N(stored))
      expect(record?.dynamodb?.SizeBytes).toBe(3 + 4 + size)
    })
  })

  describe('writes without a record', () => {
    test.for<[what: string, before: Item, after: Item]>([
      [
        'the same item',
        { n: N('1'), m: { M: { a: S('1'), b: S('2') } } },
        { m: { M: { b: S('2'), a: S('1') } }, n: N('1') },
      ],
      ['the same number in another notation', { n: N('1.0') }, { n: N('1') }],
      ['the same number inside a list', { l: { L: [N('1')] } }, { l: { L: [N('1.0')] } }],
      ['the same set in another order', { s: { SS: ['a', 'b'] } }, { s: { SS: ['b', 'a'] } }],
      ['the same set of numbers in another notation', { s: { NS: ['1.0', '2'] } }, { s: { NS: ['2', '1'] } }],
      ['the same bytes', { b: B(1, 2) }, { b: B(1, 2) }],
    ])('a write of %s produces no record', async ([, before, after]) => {
      const table = await createTable()
      await put(table, 'a', before)
      await put(table, 'a', after)
      expect((await readAll(table)).map(({ eventName }) => eventName)).toEqual(['INSERT'])
    })

    test('deleting an item that does not exist produces no record', async () => {
      const table = await createTable()
      await remove(table, 'a')
      expect(await readAll(table)).toEqual([])
    })
  })

  test.for<[what: string, before: AttributeValue, after: AttributeValue]>([
    ['another order of a list', { L: [N('1'), N('2')] }, { L: [N('2'), N('1')] }],
    ['another type', S('1'), N('1')],
    ['an empty string instead of null', { NULL: true }, S('')],
  ])('a write of %s produces a record', async ([, before, after]) => {
    const table = await createTable()
    await put(table, 'a', { value: before })
    await put(table, 'a', { value: after })
    expect((await readAll(table)).map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY'])
  })
}
