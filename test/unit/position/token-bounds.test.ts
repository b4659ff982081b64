import { afterEach, describe, expect, test, vi } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { MAX_TOKEN_SHARDS, parseToken } from '../../../src/position/parse-token.ts'
import { MAX_SERIALIZED_LENGTH } from '../../../src/position/serialized-token.ts'
import { STREAM_ARN } from './arbitrary-token.ts'

const HEAD = `{"version":1,"streamArn":"${STREAM_ARN}","shards":[`

/** The path of the field for which the token is refused, or undefined if it is accepted. */
function refusedAt(serialized: string): string | undefined {
  try {
    parseToken(serialized)
    return undefined
  } catch (error) {
    if (isStreamError(error, 'token.invalid')) return error.details.field
    throw error
  }
}

/** Repeats `unit` between `head` and `tail` until the string has the maximum length of a token. */
function filled(head: string, unit: string, tail: string): string {
  const count = Math.floor((MAX_SERIALIZED_LENGTH - head.length - tail.length) / unit.length)
  return head + unit.repeat(count) + tail
}

/** A token with the maximum number of shards, each the parent of the previous one. */
function chain(parentOfLast: number): string {
  const shards = Array.from({ length: MAX_TOKEN_SHARDS }, (_, index) => {
    const parent = index === MAX_TOKEN_SHARDS - 1 ? parentOfLast : index + 1
    return `{"shardId":"s${index}","parentId":"s${parent}","at":{"since":1},"state":"pending"}`
  })
  return `${HEAD}${shards}]}`
}

describe('a token of 250,000 shards', () => {
  test('a chain of 250,000 shards is accepted', () => {
    expect(parseToken(chain(MAX_TOKEN_SHARDS)).shards).toHaveLength(250_000)
  })

  test('a cycle of 250,000 shards is refused', () => {
    expect(refusedAt(chain(0))).toMatch(/^shards\[\d+\]\.parentId$/)
  })

  test('a bloop token with a chain of 250,000 active shards is accepted', () => {
    const active = Array.from({ length: MAX_TOKEN_SHARDS }, (_, index) => `"s${index}"`)
    const shards = active.map(
      (id, index) =>
        `{"shard_id":${id},"parent":"s${index - 1}","iterator_type":"after_sequence","sequence_number":"42"}`,
    )
    const serialized = `{"stream_arn":"${STREAM_ARN}","active":[${active}],"shards":[${shards}]}`
    expect(parseToken(serialized).shards).toHaveLength(250_000)
  })
})

describe('a string of 64 Mi characters', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test.each([
    ['nested arrays', '', '[', ''],
    ['nested objects', '', '{"a":', ''],
    ['empty objects', HEAD, '{},', '{}]}'],
    ['empty arrays', HEAD, '[],', '[]]}'],
    ['fields named __proto__', '{', '"__proto__":{},', '"a":1}'],
    ['numbers', HEAD, '0,', '0]}'],
    ['strings', HEAD, '"shard",', '""]}'],
    ['fields', '{', '"field":0,', '"a":1}'],
  ])('64 Mi characters of %s are refused without being parsed', (_, head, unit, tail) => {
    const serialized = filled(head, unit, tail)
    const parse = vi.spyOn(JSON, 'parse')
    expect(refusedAt(serialized)).toBe('')
    expect(parse).not.toHaveBeenCalled()
  })

  test('an ARN that is crafted to cause backtracking is refused', () => {
    const streamArn = `arn:aws:dynamodb:${'/stream/'.repeat(124)} `.slice(0, 1_024)
    expect(refusedAt(JSON.stringify({ version: 1, streamArn, shards: [] }))).toBe('streamArn')
  })
})
