import { describe, expect, test } from 'vitest'
import { type Delivery, type Evidence, verify } from '../../../../src/cli/demo/verify.ts'
import type { ShardPosition, StreamToken } from '../../../../src/position/token.ts'

/** Parses deliveries such as `1 parent 10 a2`: process, shard, sequence number, order and version. */
function deliveries(...texts: string[]): Delivery[] {
  return texts.map((text) => {
    const [run, shardId, sequenceNumber, item] = text.split(' ') as [string, string, string, string]
    return {
      run: Number(run),
      shardId,
      sequenceNumber,
      orderId: item.slice(0, 1),
      version: Number(item.slice(1)),
    }
  })
}

function token(positions: Record<string, ShardPosition>): StreamToken {
  const shards = Object.entries(positions).map(([shardId, at]) => ({ shardId, at }))
  return { version: 1, streamArn: 'arn', shards }
}

const parents = new Map([
  ['parent', undefined],
  ['child', 'parent'],
  ['grandchild', 'child'],
])

const parentOf = (shardId: string) => parents.get(shardId)

function verdictOn(evidence: Partial<Evidence>) {
  const writes = evidence.writes ?? new Map([['a', 3]])
  return verify({ writes, deliveries: [], checkpoints: [], parentOf, ...evidence })
}

const allOfA = deliveries('1 parent 10 a1', '1 parent 20 a2', '1 child 30 a3')
const atEnd = token({ child: { after: '30' } })

describe('verify', () => {
  test('the verdict is good when every record was processed once, in order, and is covered by the checkpoint', () => {
    expect(verdictOn({ deliveries: allOfA, checkpoints: [atEnd] })).toEqual({
      written: 3,
      delivered: 3,
      lost: 0,
      outOfOrder: 0,
      repeated: 0,
      unexpectedDuplicates: 0,
      unknown: 0,
      unsaved: 0,
      isGood: true,
    })
  })

  test('the verdict is bad when nothing was processed', () => {
    expect(verdictOn({ writes: new Map() }).isGood).toBe(false)
  })

  test('a record that was never processed counts as lost', () => {
    const verdict = verdictOn({ deliveries: allOfA.slice(0, 2), checkpoints: [atEnd] })
    expect(verdict).toMatchObject({ lost: 1, delivered: 2, isGood: false })
  })

  test('a repeated record that the checkpoint did not cover is allowed', () => {
    const again = deliveries('1 parent 10 a1', '1 parent 20 a2', '2 parent 20 a2', '2 child 30 a3')
    const verdict = verdictOn({ deliveries: again, checkpoints: [token({ parent: { after: '10' } }), atEnd] })
    expect(verdict).toMatchObject({ repeated: 1, unexpectedDuplicates: 0, isGood: true })
  })

  test('a repeated record that the checkpoint covered is an unexpected duplicate', () => {
    const again = deliveries('1 parent 10 a1', '1 parent 20 a2', '2 parent 20 a2', '2 child 30 a3')
    for (const saved of [
      token({ parent: { after: '20' } }),
      token({ parent: { end: '20' } }),
      token({ child: 'start' }),
    ]) {
      const verdict = verdictOn({ deliveries: again, checkpoints: [saved, atEnd] })
      expect(verdict).toMatchObject({ repeated: 0, unexpectedDuplicates: 1, isGood: false })
    }
  })

  test('a record repeated by the same process is an unexpected duplicate', () => {
    const twice = [...allOfA, ...deliveries('1 child 30 a3')]
    expect(verdictOn({ deliveries: twice, checkpoints: [atEnd] })).toMatchObject({
      unexpectedDuplicates: 1,
      isGood: false,
    })
  })

  test('a record is out of order behind a later one of its shard, of its item or of a child shard', () => {
    const writes = new Map([
      ['a', 2],
      ['b', 1],
      ['c', 1],
    ])
    const inShard = deliveries('1 parent 20 a1', '1 parent 10 b1', '1 child 30 a2', '1 child 31 c1')
    expect(
      verdictOn({ writes, deliveries: inShard, checkpoints: [token({ child: { after: '31' } })] }),
    ).toMatchObject({
      outOfOrder: 1,
      isGood: false,
    })
    const ofItem = deliveries('1 parent 10 a2', '1 other 5 a1')
    expect(verdictOn({ writes: new Map([['a', 2]]), deliveries: ofItem }).outOfOrder).toBe(1)
    const behindGrandchild = deliveries('1 grandchild 30 a1', '1 parent 10 b1')
    expect(verdictOn({ writes, deliveries: behindGrandchild }).outOfOrder).toBe(1)
  })

  test('sequence numbers are compared as numbers, not as strings', () => {
    const longer = deliveries('1 parent 999 a1', '1 parent 1000 a2', '1 child 30 a3')
    expect(verdictOn({ deliveries: longer, checkpoints: [atEnd] })).toMatchObject({
      outOfOrder: 0,
      isGood: true,
    })
  })

  test('a record that was never written counts as unknown', () => {
    const verdict = verdictOn({
      deliveries: [...allOfA, ...deliveries('1 child 31 z1')],
      checkpoints: [atEnd],
    })
    expect(verdict).toMatchObject({ unknown: 1, isGood: false })
  })

  test('a record that the last checkpoint does not cover counts as not saved', () => {
    const verdict = verdictOn({ deliveries: allOfA, checkpoints: [token({ child: 'start' })] })
    expect(verdict).toMatchObject({ unsaved: 1, isGood: false })
    expect(verdictOn({ deliveries: allOfA, checkpoints: [undefined] })).toMatchObject({
      unsaved: 3,
      isGood: false,
    })
  })
})
