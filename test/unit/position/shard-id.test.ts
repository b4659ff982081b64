import { expect, test } from 'vitest'
import { shardCreatedAt } from '../../../src/position/shard-id.ts'

test('the time in the id of a shard is read', () => {
  expect(shardCreatedAt('shardId-00000001414562045508-2bac9cd2')).toBe(Date.parse('2014-10-29T05:54:05.508Z'))
})

test.each([
  ['another form', 'shard-1'],
  ['a time before DynamoDB', 'shardId-00000000000000000001-2bac9cd2'],
  ['a time beyond the century', 'shardId-99999999999999999999-2bac9cd2'],
  ['too few digits', 'shardId-1414562045508-2bac9cd2'],
  ['something behind it', 'shardId-00000001414562045508-2bac9cd2-x'],
  ['something before it', 'x-shardId-00000001414562045508-2bac9cd2'],
  ['no hexadecimal part', 'shardId-00000001414562045508-'],
])('%s tells no time', (_, shardId) => {
  expect(shardCreatedAt(shardId)).toBeUndefined()
})
