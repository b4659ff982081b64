import { unmarshall } from '@aws-sdk/util-dynamodb'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { durationText } from '../../../src/cli/duration-text.ts'
import { exactNumber } from '../../../src/cli/exact-number.ts'
import { prettyLines } from '../../../src/cli/format-record.ts'
import { drawLineage } from '../../../src/cli/lineage-text.ts'
import { shortShardIds } from '../../../src/cli/short-ids.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import type { RawRecord } from '../../../src/wire/wire-record.ts'

describe('durationText', () => {
  test.each([
    [0, '0.0 s'],
    [9_940, '9.9 s'],
    [59_999, '59 s'],
    [60_000, '1 min 0 s'],
    [3_599_999, '59 min 59 s'],
    [7_260_000, '2 h 1 min'],
    [86_399_999, '23 h 59 min'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms are formatted as %s', (ms, text) => {
    expect(durationText(ms)).toBe(text)
  })
})

describe('drawLineage', () => {
  /** Shards from pairs of names, as in `a>b`. */
  const shards = (picture: string) =>
    picture.split(' ').map((pair) => {
      const [parent, child] = pair.split('>') as [string, string | undefined]
      return child === undefined
        ? { shardId: parent, parentId: undefined, label: parent }
        : { shardId: child, parentId: parent, label: child }
    })

  test('shards with one child each are drawn on one line', () => {
    expect(drawLineage(shards('a a>b b>c x'))).toEqual(['a → b → c', 'x'])
  })

  test('the drawing branches where a shard was split', () => {
    expect(drawLineage(shards('a a>b a>c b>d b>e c>f f>g f>h'))).toEqual([
      'a',
      '├─ b',
      '│  ├─ d',
      '│  └─ e',
      '└─ c → f',
      '   ├─ g',
      '   └─ h',
    ])
  })

  test('a shard whose parent is not listed is drawn as a root', () => {
    expect(drawLineage(shards('gone>a a>b'))).toEqual(['a → b'])
  })

  test('shards are named by the end of their id unless that is ambiguous', () => {
    const names = shortShardIds(['shardId-1-aaaaaaaa1', 'shardId-2-aaaaaaaa2', 'shardId-3-bbbbbbbb1'])
    expect([...names.values()]).toEqual(['shardId-1-aaaaaaaa1', 'shardId-2-aaaaaaaa2', 'bbbbbbbb'])
  })
})

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

  test('a number that unmarshall rejects by default does not make it throw', () => {
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
