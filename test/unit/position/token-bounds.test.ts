import { afterEach, describe, expect, test, vi } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { MAX_TOKEN_SHARDS, parseToken } from '../../../src/position/parse-token.ts'
import { MAX_SERIALIZED_LENGTH } from '../../../src/position/serialized-token.ts'
import { STREAM_ARN } from './arbitrary-token.ts'

const HEAD = `{"version":1,"streamArn":"${STREAM_ARN}","shards":[`

/** The field at which it is refused; undefined if it loads. */
function refusedAt(text: string): string | undefined {
  try {
    parseToken(text)
    return undefined
  } catch (error) {
    if (isStreamError(error, 'token.invalid')) return error.details.field
    throw error
  }
}

/** `unit` as often as the longest text of a token can hold it, between `head` and `tail`. */
function filled(head: string, unit: string, tail: string): string {
  const count = Math.floor((MAX_SERIALIZED_LENGTH - head.length - tail.length) / unit.length)
  return head + unit.repeat(count) + tail
}

/** A token of the most shards, each the parent of the one before; that of the last one is given by its number. */
function chain(parentOfLast: number): string {
  const shards = Array.from({ length: MAX_TOKEN_SHARDS }, (_, index) => {
    const parent = index === MAX_TOKEN_SHARDS - 1 ? parentOfLast : index + 1
    return `{"shardId":"s${index}","parentId":"s${parent}","at":{"since":1},"state":"pending"}`
  })
  return `${HEAD}${shards}]}`
}

describe('a token of 250,000 shards', () => {
  test('in a chain loads', () => {
    expect(parseToken(chain(MAX_TOKEN_SHARDS)).shards).toHaveLength(250_000)
  })

  test('in a ring is refused', () => {
    expect(refusedAt(chain(0))).toMatch(/^shards\[\d+\]\.parentId$/)
  })

  test('of bloop, in a chain and all of them active, loads', () => {
    const active = Array.from({ length: MAX_TOKEN_SHARDS }, (_, index) => `"s${index}"`)
    const shards = active.map(
      (id, index) =>
        `{"shard_id":${id},"parent":"s${index - 1}","iterator_type":"after_sequence","sequence_number":"42"}`,
    )
    const text = `{"stream_arn":"${STREAM_ARN}","active":[${active}],"shards":[${shards}]}`
    expect(parseToken(text).shards).toHaveLength(250_000)
  })
})

describe('64 Mi characters that would fill the memory are refused without being parsed:', () => {
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
    ['texts', HEAD, '"shard",', '""]}'],
    ['fields', '{', '"field":0,', '"a":1}'],
  ])('%s', (_, head, unit, tail) => {
    const text = filled(head, unit, tail)
    const parse = vi.spyOn(JSON, 'parse')
    expect(refusedAt(text)).toBe('')
    expect(parse).not.toHaveBeenCalled()
  })

  test('an ARN that is made for backtracking', () => {
    const streamArn = `arn:aws:dynamodb:${'/stream/'.repeat(124)} `.slice(0, 1_024)
    expect(refusedAt(JSON.stringify({ version: 1, streamArn, shards: [] }))).toBe('streamArn')
  })
})
