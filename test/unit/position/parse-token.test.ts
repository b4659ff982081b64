import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isStreamError, type StreamError } from '../../../src/core/errors.ts'
import { MAX_TOKEN_SHARDS, parseToken } from '../../../src/position/parse-token.ts'
import { MAX_SERIALIZED_LENGTH } from '../../../src/position/serialized-token.ts'
import type { StreamToken } from '../../../src/position/token.ts'
import { STREAM_ARN, validToken } from './arbitrary-token.ts'

function errorOf(input: unknown): StreamError<'token.invalid'> {
  try {
    parseToken(input)
  } catch (error) {
    if (isStreamError(error, 'token.invalid')) return error
    throw error
  }
  throw new Error('the token was accepted')
}

/** A token with one shard, some of whose fields are replaced. */
const withShard = (fields: object) => ({
  version: 1,
  streamArn: STREAM_ARN,
  shards: [{ shardId: 'a', at: 'start', ...fields }],
})

describe('a valid token', () => {
  test('a valid token is returned unchanged, both from an object and from a JSON string', () => {
    fc.assert(
      fc.property(validToken, (token) => {
        expect(parseToken(token)).toStrictEqual(token)
        expect(parseToken(JSON.stringify(token))).toStrictEqual(token)
      }),
    )
  })

  test('a parsed token is a copy, which later changes of the input do not affect', () => {
    const token = withShard({ at: { after: '1' } })
    const parsed = parseToken(token)
    token.shards.push({ shardId: 'b', at: 'start' })
    token.shards[0] = { shardId: 'c', at: 'start' }
    expect(parsed.shards).toEqual([{ shardId: 'a', at: { after: '1' } }])
  })

  test('unknown fields of a token are dropped', () => {
    const token = { ...withShard({ at: { after: '1', hint: 2 }, extra: {} }), pending: [], savedBy: 'x' }
    expect(parseToken(token)).toStrictEqual(withShard({ at: { after: '1' } }))
  })

  test('a time of minus zero becomes zero, as it would in JSON', () => {
    expect(parseToken(withShard({ at: { since: -0 } }))).toStrictEqual(withShard({ at: { since: 0 } }))
  })

  test.each([
    'arn:aws-cn:dynamodb:cn-north-1:123456789012:table/t/stream/2026-01-01T00:00:00.000',
    'arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000',
    'arn:aws:dynamodb:ddblocal:000000000000:table/t/stream/2026-01-01T00:00:00.000',
    'arn:aws:dynamodb:::table/t/stream/1',
  ])('a token of the stream %s is accepted', (streamArn) => {
    expect(parseToken({ version: 1, streamArn, shards: [] })).toEqual({ version: 1, streamArn, shards: [] })
  })

  test('a shard id that is a property name of Object.prototype is accepted', () => {
    const token = parseToken(
      `{"version":1,"streamArn":"${STREAM_ARN}","shards":[{"shardId":"__proto__","at":"start"}]}`,
    )
    expect(token.shards).toEqual([{ shardId: '__proto__', at: 'start' }])
  })
})

describe('an invalid token', () => {
  test.each<[title: string, field: string, input: unknown]>([
    ['undefined', '', undefined],
    ['a number', '', 1],
    ['an array', '', []],
    ['an empty string', '', ''],
    ['truncated JSON', '', JSON.stringify(withShard({})).slice(0, -1)],
    ['a token without a version', 'version', { streamArn: STREAM_ARN, shards: [] }],
    ['a token of a later version', 'version', { ...withShard({}), version: 2 }],
    ['a version that is a string', 'version', { ...withShard({}), version: '1' }],
    ['a token without an ARN', 'streamArn', { version: 1, shards: [] }],
    [
      'the ARN of a table',
      'streamArn',
      { version: 1, streamArn: 'arn:aws:dynamodb:eu-west-1:1:table/t', shards: [] },
    ],
    [
      'the ARN of another service',
      'streamArn',
      { version: 1, streamArn: 'arn:aws:sqs:eu-west-1:1:/stream/t', shards: [] },
    ],
    [
      'an ARN of more than 1024 characters',
      'streamArn',
      { version: 1, streamArn: STREAM_ARN + 'x'.repeat(1_024), shards: [] },
    ],
    ['a token without shards', 'shards', { version: 1, streamArn: STREAM_ARN }],
    [
      'an object instead of the array of shards',
      'shards',
      { version: 1, streamArn: STREAM_ARN, shards: { length: 0 } },
    ],
    [
      'a hole in the array of shards',
      'shards[0]',
      { version: 1, streamArn: STREAM_ARN, shards: new Array(1) },
    ],
    ['a shard that is an array', 'shards[0]', { version: 1, streamArn: STREAM_ARN, shards: [[]] }],
    ['a shard without an id', 'shards[0].shardId', withShard({ shardId: undefined })],
    ['an empty shard id', 'shards[0].shardId', withShard({ shardId: '' })],
    ['a shard id with a line break', 'shards[0].shardId', withShard({ shardId: 'a\nb' })],
    ['a shard id of more than 100 characters', 'shards[0].shardId', withShard({ shardId: 'a'.repeat(101) })],
    ['a parent that is null', 'shards[0].parentId', withShard({ parentId: null })],
    ['a shard that is its own parent', 'shards[0].parentId', withShard({ parentId: 'a' })],
    ['a shard without a position', 'shards[0].at', withShard({ at: undefined })],
    ['an unknown position', 'shards[0].at', withShard({ at: 'latest' })],
    ['a position that is an empty object', 'shards[0].at', withShard({ at: {} })],
    ['a position with two fields', 'shards[0].at', withShard({ at: { after: '1', since: 1 } })],
    ['a sequence number that is a number', 'shards[0].at.after', withShard({ at: { after: 42 } })],
    ['a sequence number with a sign', 'shards[0].at.after', withShard({ at: { after: '-1' } })],
    ['a sequence number that is null', 'shards[0].at.after', withShard({ at: { after: null } })],
    ['an end that is a number', 'shards[0].at.end', withShard({ at: { end: 42 } })],
    ['a time that is a string', 'shards[0].at.since', withShard({ at: { since: '1767225600000' } })],
    ['a time before 1970', 'shards[0].at.since', withShard({ at: { since: -1 } })],
    ['a time that is not a whole number', 'shards[0].at.since', withShard({ at: { since: 0.5 } })],
    ['a time that is NaN', 'shards[0].at.since', withShard({ at: { since: Number.NaN } })],
    ['a state without a since', 'shards[0].state', withShard({ at: 'start', state: 'skipped' })],
    ['an unknown state', 'shards[0].state', withShard({ at: { since: 1 }, state: 'closed' })],
    ['a time that a Date cannot represent', 'shards[0].at.since', withShard({ at: { since: 8.64e15 + 1 } })],
  ])('%s is refused, and the error has the path of the field', (_, field, input) => {
    expect(errorOf(input).details.field).toBe(field)
  })

  test('a token that lists a shard twice is refused', () => {
    const token = {
      ...withShard({}),
      shards: [
        { shardId: 'a', at: 'start' },
        { shardId: 'a', at: { after: '1' } },
      ],
    }
    expect(errorOf(token).details.field).toBe('shards[1].shardId')
  })

  test('a token with a cycle of parents is refused', () => {
    const shards = ['ab', 'bc', 'cd', 'db'].map(([shardId, parentId]) => ({ shardId, parentId, at: 'start' }))
    expect(errorOf({ ...withShard({}), shards }).details.field).toMatch(/^shards\[[123]\]\.parentId$/)
  })

  test('a token with more than 250,000 shards is refused', () => {
    const token = { ...withShard({}), shards: new Array(MAX_TOKEN_SHARDS + 1) }
    expect(errorOf(token).details.field).toBe('shards')
  })

  test('a string that is longer than any token is refused', () => {
    expect(errorOf(' '.repeat(MAX_SERIALIZED_LENGTH + 1)).details.expected).toContain('characters')
  })
})

describe('the error of an invalid token', () => {
  test('the error of an invalid field shows the path, the expectation and the value on a single line', () => {
    expect(errorOf(withShard({ at: { after: 'x\n\u001b[31m\u2028y' } })).message).toBe(
      'The token is invalid at shards[0].at.after: expected a sequence number (a string of decimal digits), ' +
        'got "x\\n\\u001b[31m y".',
    )
  })

  test('the error of an invalid token starts with the source, if one is passed', () => {
    expect(() => parseToken('{', 'checkpoints/indexer.json')).toThrow(
      /^checkpoints\/indexer\.json: The token is not valid JSON \(1 character\)\.$/,
    )
  })

  test.each([
    ['x', 'The token is not valid JSON (1 character).'],
    ['{"a', 'The token is not valid JSON (3 characters).'],
    [' ', 'The token is an empty string.'],
    ['null', 'The token is invalid: expected a JSON object, got null.'],
  ])('the error of the serialized token %j does not quote it', (serialized, message) => {
    expect(errorOf(serialized).message).toBe(message)
  })

  test('the error of an invalid token quotes only the beginning of a long value', () => {
    expect(errorOf(withShard({ shardId: 'x'.repeat(1e6) })).message.length).toBeLessThan(250)
    expect(errorOf('x'.repeat(1e6)).message.length).toBeLessThan(250)
  })
})

describe('hostile input', () => {
  /** A copy of the token in which one field, at any depth, has another value. */
  function mutantOf(token: StreamToken, position: number, value: unknown): unknown {
    const mutant = structuredClone(token)
    const parts: [holder: object, key: string][] = []
    const collect = (holder: object): void => {
      for (const [key, child] of Object.entries(holder)) {
        parts.push([holder, key])
        if (typeof child === 'object' && child !== null) collect(child)
      }
    }
    collect(mutant)
    const [holder, key] = parts[position % parts.length] ?? [mutant, 'version']
    Object.defineProperty(holder, key, { value, enumerable: true })
    return mutant
  }

  /** Checks that any input is either parsed, or refused with `token.invalid` and the path of a field. */
  function parseOrRefuse(input: unknown): void {
    try {
      const token = parseToken(input)
      expect(Object.keys(token).sort()).toEqual(['shards', 'streamArn', 'version'])
      expect(parseToken(JSON.stringify(token))).toStrictEqual(token)
    } catch (error) {
      if (!isStreamError(error, 'token.invalid')) throw error
      expect(error.details.field).toBeTypeOf('string')
      expect(error.message).toMatch(/^[\x20-\x7e]+$/)
    }
  }

  test('any value is either parsed or refused with token.invalid', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
        parseOrRefuse,
      ),
    )
  })

  test('any string is either parsed or refused with token.invalid', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), parseOrRefuse))
  })

  test('a valid token with any one field replaced is either parsed or refused with token.invalid', () => {
    fc.assert(
      fc.property(validToken, fc.nat(), fc.anything(), (token, position, value) => {
        parseOrRefuse(mutantOf(token, position, value))
      }),
    )
    fc.assert(
      fc.property(validToken, fc.nat(), fc.jsonValue(), (token, position, value) => {
        parseOrRefuse(JSON.stringify(mutantOf(token, position, value)))
      }),
    )
  })

  test.each([100, 10_000, 200_000])('input nested %i levels deep does not overflow the stack', (depth) => {
    const nested = '['.repeat(depth) + ']'.repeat(depth)
    parseOrRefuse(nested)
    expect(errorOf(`{"version":1,"streamArn":"${STREAM_ARN}","shards":${nested}}`).details.field).toBe(
      'shards[0]',
    )
    parseOrRefuse(`${'{"at":'.repeat(depth)}1${'}'.repeat(depth)}`)
  })

  test('fields of __proto__ or of a prototype are ignored', () => {
    const smuggled = `{"__proto__":{"version":1},"streamArn":"${STREAM_ARN}","shards":[]}`
    expect(errorOf(smuggled).details.field).toBe('version')
    const inherited = Object.assign(Object.create({ shards: [] }), { version: 1, streamArn: STREAM_ARN })
    expect(errorOf(inherited).details.field).toBe('shards')
    expect(Object.hasOwn(Object.prototype, 'version')).toBe(false)
  })

  test.each<[title: string, field: string, input: unknown]>([
    [
      'a token with a getter that throws',
      'shards[0].at.after',
      withShard({
        at: {
          get after(): string {
            throw new Error('boom')
          },
        },
      }),
    ],
    [
      'a proxy that throws',
      'stream_arn',
      new Proxy(
        {},
        {
          getOwnPropertyDescriptor: () => {
            throw new Error('boom')
          },
        },
      ),
    ],
    [
      'an array whose length is Infinity',
      'shards',
      { ...withShard({}), shards: new Proxy([], { get: () => Infinity }) },
    ],
    [
      'an array whose length is NaN',
      'shards',
      { ...withShard({}), shards: new Proxy([], { get: () => Number.NaN }) },
    ],
  ])('%s is refused as a token', (_, field, input) => {
    expect(errorOf(input).details.field).toBe(field)
  })

  test('a revoked proxy is refused as a token', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(errorOf(proxy).details.field).toBe('')
  })

  test('a getter is called only once, so that the checked value is the one that is returned', () => {
    let calls = 0
    const token = withShard({
      at: {
        get after() {
          return calls++ === 0 ? '42' : { evil: true }
        },
      },
    })
    expect(parseToken(token).shards).toEqual([{ shardId: 'a', at: { after: '42' } }])
  })
})
