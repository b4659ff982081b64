import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isStreamError, type StreamError } from '../../../src/core/errors.ts'
import { MAX_TOKEN_SHARDS, parseToken } from '../../../src/position/parse-token.ts'
import { MAX_SERIALIZED_LENGTH } from '../../../src/position/serialized-token.ts'
import type { StreamToken } from '../../../src/position/token.ts'
import { STREAM_ARN, validToken } from './arbitrary-token.ts'

function refusalOf(input: unknown): StreamError<'token.invalid'> {
  try {
    parseToken(input)
  } catch (error) {
    if (isStreamError(error, 'token.invalid')) return error
    throw error
  }
  throw new Error('the token was taken')
}

/** A token with one shard, of which some fields are other ones. */
const withShard = (fields: object) => ({
  version: 1,
  streamArn: STREAM_ARN,
  shards: [{ shardId: 'a', at: 'start', ...fields }],
})

describe('a valid token', () => {
  test('comes back equal, as object and as text', () => {
    fc.assert(
      fc.property(validToken, (token) => {
        expect(parseToken(token)).toStrictEqual(token)
        expect(parseToken(JSON.stringify(token))).toStrictEqual(token)
      }),
    )
  })

  test('is copied, not kept', () => {
    const token = withShard({ at: { after: '1' } })
    const parsed = parseToken(token)
    token.shards.push({ shardId: 'b', at: 'start' })
    token.shards[0] = { shardId: 'c', at: 'start' }
    expect(parsed.shards).toEqual([{ shardId: 'a', at: { after: '1' } }])
  })

  test('loses the fields that are not known', () => {
    const token = { ...withShard({ at: { after: '1', hint: 2 }, extra: {} }), pending: [], savedBy: 'x' }
    expect(parseToken(token)).toStrictEqual(withShard({ at: { after: '1' } }))
  })

  test('is the same by way of JSON, also a time of minus zero', () => {
    expect(parseToken(withShard({ at: { since: -0 } }))).toStrictEqual(withShard({ at: { since: 0 } }))
  })

  test.each([
    'arn:aws-cn:dynamodb:cn-north-1:123456789012:table/t/stream/2026-01-01T00:00:00.000',
    'arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000',
    'arn:aws:dynamodb:ddblocal:000000000000:table/t/stream/2026-01-01T00:00:00.000',
    'arn:aws:dynamodb:::table/t/stream/1',
  ])('may be of the stream %s', (streamArn) => {
    expect(parseToken({ version: 1, streamArn, shards: [] })).toEqual({ version: 1, streamArn, shards: [] })
  })

  test('may list a shard whose id is a name of Object.prototype', () => {
    const token = parseToken(
      `{"version":1,"streamArn":"${STREAM_ARN}","shards":[{"shardId":"__proto__","at":"start"}]}`,
    )
    expect(token.shards).toEqual([{ shardId: '__proto__', at: 'start' }])
  })
})

describe('an invalid token is refused with the path of the field:', () => {
  test.each<[title: string, field: string, input: unknown]>([
    ['nothing', '', undefined],
    ['a number', '', 1],
    ['an array', '', []],
    ['an empty text', '', ''],
    ['text that is cut', '', JSON.stringify(withShard({})).slice(0, -1)],
    ['no version', 'version', { streamArn: STREAM_ARN, shards: [] }],
    ['a later version', 'version', { ...withShard({}), version: 2 }],
    ['a version as text', 'version', { ...withShard({}), version: '1' }],
    ['no ARN', 'streamArn', { version: 1, shards: [] }],
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
    ['an endless ARN', 'streamArn', { version: 1, streamArn: STREAM_ARN + 'x'.repeat(1_024), shards: [] }],
    ['no shards', 'shards', { version: 1, streamArn: STREAM_ARN }],
    ['shards as object', 'shards', { version: 1, streamArn: STREAM_ARN, shards: { length: 0 } }],
    ['a hole among the shards', 'shards[0]', { version: 1, streamArn: STREAM_ARN, shards: new Array(1) }],
    ['an array as shard', 'shards[0]', { version: 1, streamArn: STREAM_ARN, shards: [[]] }],
    ['no shard id', 'shards[0].shardId', withShard({ shardId: undefined })],
    ['an empty shard id', 'shards[0].shardId', withShard({ shardId: '' })],
    ['a shard id of two lines', 'shards[0].shardId', withShard({ shardId: 'a\nb' })],
    ['an endless shard id', 'shards[0].shardId', withShard({ shardId: 'a'.repeat(101) })],
    ['a parent that is null', 'shards[0].parentId', withShard({ parentId: null })],
    ['a shard that is its own parent', 'shards[0].parentId', withShard({ parentId: 'a' })],
    ['no position', 'shards[0].at', withShard({ at: undefined })],
    ['an unknown word', 'shards[0].at', withShard({ at: 'latest' })],
    ['an empty position', 'shards[0].at', withShard({ at: {} })],
    ['two positions at once', 'shards[0].at', withShard({ at: { after: '1', since: 1 } })],
    ['a sequence number as number', 'shards[0].at.after', withShard({ at: { after: 42 } })],
    ['a sequence number with a sign', 'shards[0].at.after', withShard({ at: { after: '-1' } })],
    ['no sequence number', 'shards[0].at.after', withShard({ at: { after: null } })],
    ['an end as number', 'shards[0].at.end', withShard({ at: { end: 42 } })],
    ['a time as text', 'shards[0].at.since', withShard({ at: { since: '1767225600000' } })],
    ['a time before 1970', 'shards[0].at.since', withShard({ at: { since: -1 } })],
    ['half a millisecond', 'shards[0].at.since', withShard({ at: { since: 0.5 } })],
    ['no number', 'shards[0].at.since', withShard({ at: { since: Number.NaN } })],
    ['a state without a time', 'shards[0].state', withShard({ at: 'start', state: 'skipped' })],
    ['an unknown state', 'shards[0].state', withShard({ at: { since: 1 }, state: 'closed' })],
    ['a time beyond what a Date holds', 'shards[0].at.since', withShard({ at: { since: 8.64e15 + 1 } })],
  ])('%s', (_, field, input) => {
    expect(refusalOf(input).details.field).toBe(field)
  })

  test('a shard that is listed twice', () => {
    const token = {
      ...withShard({}),
      shards: [
        { shardId: 'a', at: 'start' },
        { shardId: 'a', at: { after: '1' } },
      ],
    }
    expect(refusalOf(token).details.field).toBe('shards[1].shardId')
  })

  test('shards that descend from each other', () => {
    const shards = ['ab', 'bc', 'cd', 'db'].map(([shardId, parentId]) => ({ shardId, parentId, at: 'start' }))
    expect(refusalOf({ ...withShard({}), shards }).details.field).toMatch(/^shards\[[123]\]\.parentId$/)
  })

  test('more shards than any stream has', () => {
    const token = { ...withShard({}), shards: new Array(MAX_TOKEN_SHARDS + 1) }
    expect(refusalOf(token).details.field).toBe('shards')
  })

  test('text that is too long to be one', () => {
    expect(refusalOf(' '.repeat(MAX_SERIALIZED_LENGTH + 1)).details.expected).toContain('characters')
  })
})

describe('the error', () => {
  test('says on one line what is wrong, where, and what is expected', () => {
    expect(refusalOf(withShard({ at: { after: 'x\n\u001b[31m\u2028y' } })).message).toBe(
      'The token is invalid at shards[0].at.after: expected a sequence number (a string of decimal digits), ' +
        'got "x\\n\\u001b[31m y"',
    )
  })

  test('names the source, where it is known', () => {
    expect(() => parseToken('{', 'checkpoints/indexer.json')).toThrow(
      /^checkpoints\/indexer\.json: The token is invalid/,
    )
  })

  test('does not quote more than the beginning', () => {
    expect(refusalOf(withShard({ shardId: 'x'.repeat(1e6) })).message.length).toBeLessThan(250)
    expect(refusalOf('x'.repeat(1e6)).message.length).toBeLessThan(250)
  })
})

describe('hostile input', () => {
  /** A copy of the token in which one part, at any depth, is another value. */
  function mutantOf(token: StreamToken, place: number, value: unknown): unknown {
    const mutant = structuredClone(token)
    const parts: [holder: object, key: string][] = []
    const collect = (holder: object): void => {
      for (const [key, child] of Object.entries(holder)) {
        parts.push([holder, key])
        if (typeof child === 'object' && child !== null) collect(child)
      }
    }
    collect(mutant)
    const [holder, key] = parts[place % parts.length] ?? [mutant, 'version']
    Object.defineProperty(holder, key, { value, enumerable: true })
    return mutant
  }

  /** Whatever comes in: a token, or `token.invalid` with a field; never anything else. */
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

  test('of any kind gives a token or token.invalid', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
        parseOrRefuse,
      ),
    )
  })

  test('as any text gives a token or token.invalid', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), parseOrRefuse))
  })

  test('made of a valid token by replacing any one part gives a token or token.invalid', () => {
    fc.assert(
      fc.property(validToken, fc.nat(), fc.anything(), (token, place, value) => {
        parseOrRefuse(mutantOf(token, place, value))
      }),
    )
    fc.assert(
      fc.property(validToken, fc.nat(), fc.jsonValue(), (token, place, value) => {
        parseOrRefuse(JSON.stringify(mutantOf(token, place, value)))
      }),
    )
  })

  test.each([100, 10_000, 200_000])('nested %i deep does not blow the stack', (depth) => {
    const nested = '['.repeat(depth) + ']'.repeat(depth)
    parseOrRefuse(nested)
    expect(refusalOf(`{"version":1,"streamArn":"${STREAM_ARN}","shards":${nested}}`).details.field).toBe(
      'shards[0]',
    )
    parseOrRefuse(`${'{"at":'.repeat(depth)}1${'}'.repeat(depth)}`)
  })

  test('cannot smuggle fields in by __proto__', () => {
    const smuggled = `{"__proto__":{"version":1},"streamArn":"${STREAM_ARN}","shards":[]}`
    expect(refusalOf(smuggled).details.field).toBe('version')
    const inherited = Object.assign(Object.create({ shards: [] }), { version: 1, streamArn: STREAM_ARN })
    expect(refusalOf(inherited).details.field).toBe('shards')
    expect(Object.hasOwn(Object.prototype, 'version')).toBe(false)
  })

  test.each<[title: string, field: string, input: unknown]>([
    [
      'a getter that throws',
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
      'an array that claims to be endless',
      'shards',
      { ...withShard({}), shards: new Proxy([], { get: () => Infinity }) },
    ],
    [
      'an array of no length',
      'shards',
      { ...withShard({}), shards: new Proxy([], { get: () => Number.NaN }) },
    ],
  ])('%s is refused', (_, field, input) => {
    expect(refusalOf(input).details.field).toBe(field)
  })

  test('a proxy that was revoked is refused', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusalOf(proxy).details.field).toBe('')
  })

  test('a getter is asked once, so that what was checked is what comes out', () => {
    let asked = 0
    const token = withShard({
      at: {
        get after() {
          return asked++ === 0 ? '42' : { evil: true }
        },
      },
    })
    expect(parseToken(token).shards).toEqual([{ shardId: 'a', at: { after: '42' } }])
  })
})
