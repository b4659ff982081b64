import { unmarshall } from '@aws-sdk/util-dynamodb'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exactNumber, prettyLines } from '../../../src/cli/format-record.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import type { RawRecord } from '../../../src/wire/wire-record.ts'

describe('exactNumber', () => {
  test.each([
    ['0', 0],
    ['-1.5', -1.5],
    ['1E+20', 1e20],
    ['12345678901234567890', '12345678901234567890'],
    ['0.1234567890123456789', '0.1234567890123456789'],
    ['9.9999999999999999999999999999999999999E+125', '9.9999999999999999999999999999999999999E+125'],
  ])('the number %s keeps all of its digits', (text, printed) => {
    expect(exactNumber(text)).toBe(printed)
  })

  test('every number that JavaScript can represent is returned as a number', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (n) => exactNumber(String(n)) === Number(String(n)),
      ),
    )
  })

  test('exactNumber does not throw for a number that unmarshall rejects by default', () => {
    const item = { n: { N: '1E+40' } }
    expect(() => unmarshall(item)).toThrow()
    expect(unmarshall(item, { wrapNumbers: exactNumber })).toEqual({ n: 1e40 })
  })
})

describe('prettyLines', () => {
  const format = prettyLines((_, text) => text)
  const record = (eventName: string, images: RawRecord['dynamodb']) =>
    new StreamRecord(
      { eventName, dynamodb: { SequenceNumber: '42', Keys: { id: { S: 'a' } }, ...images } },
      { shardId: 'shardId-00000001767225600000-3fa2c1b0' },
      Date.UTC(2026, 0, 1),
    )
  const image = (attributes: Record<string, string>) =>
    Object.fromEntries(
      Object.entries({ id: 'a', ...attributes }).map(([name, value]) => [name, { S: value }]),
    )

  test('a modified record is printed with the attributes that changed', () => {
    const changed = record('MODIFY', {
      OldImage: image({ x: '1', y: '1', z: '1' }),
      NewImage: image({ x: '1', y: '2', w: '3' }),
    })
    expect(format(changed)).toBe(
      "2026-01-01 00:00:00  MODIFY  { id: 'a' }  3fa2c1b0 42\n  y: '1' → '2'\n  - z: '1'\n  + w: '3'\n",
    )
  })

  test('an inserted or removed record is printed with its item', () => {
    expect(format(record('INSERT', { NewImage: image({ x: '1' }) }))).toContain("\n  x: '1'\n")
    expect(format(record('REMOVE', { OldImage: image({ x: '1' }) }))).toContain("\n  - x: '1'\n")
  })

  test('a record without images is printed as one line', () => {
    expect(format(record('MODIFY', {}))).toBe("2026-01-01 00:00:00  MODIFY  { id: 'a' }  3fa2c1b0 42\n")
  })
})
