import { expect, test } from 'vitest'
import { shardCreatedAt } from '../../../src/position/shard-id.ts'

test('the creation time of a shard is parsed from its id', () => {
  expect(shardCreatedAt('shardId-00000001414562045508-2bac9cd2')).toBe(Date.parse('2014-10-29T05:54:05.508Z'))
})

test.each([
  ['a shard id in another format', 'shard-1'],
  ['a shard id with a time before 2012', 'shardId-00000000000000000001-2bac9cd2'],
  ['a shard id with a time after 2099', 'shardId-99999999999999999999-2bac9cd2'],
  ['a shard id with too few digits', 'shardId-1414562045508-2bac9cd2'],
  ['a shard id with a suffix', 'shardId-00000001414562045508-2bac9cd2-x'],
  ['a shard id with a prefix', 'x-shardId-00000001414562045508-2bac9cd2'],
  ['a shard id without the hexadecimal part', 'shardId-00000001414562045508-'],
])('%s has no creation time', (_, shardId) => {
  expect(shardCreatedAt(shardId)).toBeUndefined()
})
