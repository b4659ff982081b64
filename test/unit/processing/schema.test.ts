import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { BatchContext, RecordContext } from '../../../src/processing/handler.ts'
import { RejectError } from '../../../src/processing/reject-error.ts'
import {
  isStandardSchema,
  RecordValidator,
  type SchemaResult,
  type Schemas,
  type StandardSchema,
} from '../../../src/processing/schema.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { attemptsWith, firstAttemptAt, target } from './attempt-subject.ts'

const error = new Error('The validator is broken.')

/** A schema that is written by hand. It counts the values that it has validated. */
function schemaOf(validate: (value: unknown) => unknown): StandardSchema & { readonly seen: unknown[] } {
  const seen: unknown[] = []
  return {
    seen,
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        seen.push(value)
        return validate(value) as SchemaResult<unknown>
      },
    },
  }
}

function recordOf(dynamodb: object, eventName = 'MODIFY'): StreamRecord {
  return new StreamRecord(
    { eventID: 'event-1', eventName, dynamodb: { SequenceNumber: '1', ...dynamodb } },
    { shardId: 'shardId-1' },
    firstAttemptAt,
  )
}

const Keys = { id: { S: 'a' } }
const NewImage = { id: { S: 'a' }, total: { N: '5' } }
const OldImage = { id: { S: 'a' }, total: { N: '4' } }

/** The record that the handler receives, or the reason why the record is invalid. */
async function validated(schema: Schemas, record: StreamRecord): Promise<StreamRecord | string> {
  const validation = await new RecordValidator(schema).validate(record)
  return validation.isValid ? validation.record : validation.reason
}

describe('the output of a schema', () => {
  const total = { zod: z.object({ total: z.number().transform((value) => ({ cents: value * 100 })) }) }
  const record = recordOf({ Keys, NewImage, OldImage })

  it.each<[string, StandardSchema]>([
    ['zod', total.zod],
    [
      'zod with an asynchronous refinement',
      z.object({ total: z.number().transform(async (value) => ({ cents: value * 100 })) }),
    ],
    [
      'valibot',
      v.object({
        total: v.pipe(
          v.number(),
          v.transform((value) => ({ cents: value * 100 })),
        ),
      }),
    ],
    ['arktype', type({ '+': 'delete', total: type('number').pipe((value) => ({ cents: value * 100 })) })],
  ])('the handler receives the output of a schema of %s', async (_, newImage) => {
    let received: unknown
    await attemptsWith(
      (given: StreamRecord) => {
        received = [given.newImage, given.oldImage, given.keys]
      },
      { schema: { newImage } },
    ).run({ ...target(1), record })
    expect(received).toEqual([{ total: { cents: 500 } }, { id: 'a', total: 4 }, { id: 'a' }])
  })

  it('all other properties of the record are those of the original, including raw', async () => {
    const given = await validated({ newImage: total.zod }, record)
    if (typeof given === 'string') throw new Error(given)
    expect(given).toBeInstanceOf(StreamRecord)
    expect(given.eventId).toBe('event-1')
    expect(given.raw).toBe(record.raw)
    expect(given.sequenceNumber).toBe('1')
    expect(given.createdAt).toEqual(record.createdAt)
    expect(given.oldImage).toBe(record.oldImage)
    expect(given.keys).toBe(record.keys)
    expect(given.toJSON()).toEqual({ ...record.toJSON(), newImage: { total: { cents: 500 } } })
    expect(record.newImage).toEqual({ id: 'a', total: 5 })
  })

  it.each([[undefined], [null], [0], ['text']])('an output may be %s', async (output) => {
    const given = await validated({ newImage: schemaOf(() => ({ value: output })) }, record)
    expect((given as StreamRecord).newImage).toBe(output)
    expect((given as StreamRecord).oldImage).toEqual({ id: 'a', total: 4 })
  })

  it('a retry receives the output of the first validation', async () => {
    const newImage = schemaOf((value) => ({ value: { copy: value } }))
    const outputs: unknown[] = []
    const { run } = attemptsWith(
      (given: StreamRecord) => {
        outputs.push(given.newImage)
        throw error
      },
      { schema: { newImage } },
    )
    const attempted = target(1)
    await run(attempted)
    await run({ ...attempted, attempt: 2 })
    expect(newImage.seen).toHaveLength(1)
    expect(outputs[0]).toBe(outputs[1])
  })

  it('the context of a batch finds the record that the handler received', async () => {
    const { run } = attemptsWith(
      {
        batch: (records: StreamRecord[], { reject, attemptOf }: BatchContext) => {
          for (const given of records) reject(given, `attempt ${attemptOf(given)}`)
        },
      },
      { schema: { keys: schemaOf(() => ({ value: {} })) } },
    )
    const outcome = await run(target(1), target(2, { attempt: 2 }))
    expect(outcome).toMatchObject({
      rejected: new Map([
        ['1', 'attempt 1'],
        ['2', 'attempt 2'],
      ]),
    })
  })
})

describe('what is validated', () => {
  const all = () => {
    const schemas = { keys: passing(), newImage: passing(), oldImage: passing() }
    return {
      schemas,
      seen: () => Object.entries(schemas).flatMap(([part, { seen }]) => (seen.length > 0 ? part : [])),
    }
  }
  const passing = () => schemaOf((value) => ({ value }))

  it.each<[string, StreamRecord, string[]]>([
    ['inserted', recordOf({ Keys, NewImage }, 'INSERT'), ['keys', 'newImage']],
    ['modified', recordOf({ Keys, NewImage, OldImage }), ['keys', 'newImage', 'oldImage']],
    ['removed', recordOf({ Keys, OldImage }, 'REMOVE'), ['keys', 'oldImage']],
    ['in a KEYS_ONLY stream', recordOf({ Keys }), ['keys']],
    ['sent without keys by an emulator', recordOf({ NewImage }), ['newImage']],
  ])('only what is present is validated of a record that is %s', async (_, record, expected) => {
    const { schemas, seen } = all()
    const given = await validated(schemas, record)
    expect(seen()).toEqual(expected)
    expect((given as StreamRecord).toJSON()).toEqual(record.toJSON())
  })

  it('the schemas of zod, valibot and arktype are recognized, and nothing else', () => {
    const schemas = [z.string(), v.string(), type('string'), schemaOf(() => ({ value: 1 }))]
    expect(schemas.map(isStandardSchema)).toEqual([true, true, true, true])
    const others = [undefined, null, 'string', () => true, {}, { '~standard': null }, { '~standard': {} }]
    expect(others.map(isStandardSchema)).toEqual(others.map(() => false))
  })
})

describe('records that do not match the schema', () => {
  const record = recordOf({
    Keys,
    NewImage: { id: { S: 'a' }, items: { L: [{ M: { price: { S: 'secret' } } }] } },
  })

  it.each<[string, StandardSchema, RegExp]>([
    [
      'zod',
      z.object({ items: z.array(z.object({ price: z.number() })) }),
      /^newImage\.items\[0\]\.price: Invalid input: expected number, received string$/,
    ],
    [
      'valibot',
      v.object({ items: v.array(v.object({ price: v.number() })) }),
      /^newImage\.items\[0\]\.price: Invalid type: Expected number but received "secret"$/,
    ],
    [
      'arktype',
      type({ items: type({ price: 'number' }).array() }),
      /^newImage\.items\[0\]\.price: items\[0\]\.price must be a number \(was a string\)$/,
    ],
  ])('the reason contains the path and the message of an issue of %s', async (_, newImage, expected) => {
    expect(await validated({ newImage }, record)).toMatch(expected)
  })

  it('an invalid record is not passed to the handler', async () => {
    let calls = 0
    const { run } = attemptsWith(() => calls++, { schema: { newImage: z.object({ items: z.string() }) } })
    expect(await run({ ...target(1), record })).toMatchObject({
      kind: 'record',
      outcome: { result: 'invalid', reason: expect.stringContaining('newImage.items: ') },
    })
    expect(calls).toBe(0)
  })

  it('the reason contains the issues of all parts', async () => {
    const failing = (message: string) => schemaOf(() => ({ issues: [{ message }] }))
    expect(await validated({ newImage: failing('two'), keys: failing('one') }, record)).toBe(
      'keys: one; newImage: two',
    )
  })

  it.each<[string, unknown, string]>([
    ['no issue in the list', [], 'newImage: invalid'],
    ['a value that is not a list', true, 'newImage: invalid'],
    ['an issue that is null', [null], 'newImage: invalid'],
    ['an issue without a message', [{ path: ['a'] }], 'newImage.a: invalid'],
    ['a path of a symbol', [{ message: 'no', path: [Symbol('id')] }], 'newImage[Symbol(id)]: no'],
    ['a path with a malformed segment', [{ message: 'no', path: [{}, null] }], 'newImage.?.?: no'],
    ['a path that is a string', [{ message: 'no', path: 'a.b' }], 'newImage: no'],
  ])('a record is invalid if the schema reports %s', async (_, issues, expected) => {
    expect(await validated({ newImage: schemaOf(() => ({ issues })) }, record)).toBe(expected)
  })

  it('a long reason is shortened to a well-formed string of at most 1,000 characters', async () => {
    // The limit is in the middle of a surrogate pair.
    const message = '😀'.repeat(1_000)
    const reason = await validated({ newImage: schemaOf(() => ({ issues: [{ message }] })) }, record)
    expect(reason).toHaveLength(1_000)
    expect((reason as string).isWellFormed()).toBe(true)
  })
})

describe('validators that fail', () => {
  it.each<[string, () => unknown, unknown]>([
    ['throws', () => throwing(error), error],
    ['rejects', () => Promise.reject(error), error],
    ['throws undefined', () => throwing(undefined), undefined],
    ['returns nothing', () => undefined, expect.any(TypeError)],
  ])('a validator that %s is a failed attempt, not an invalid record', async (_, validate, expected) => {
    const { run } = attemptsWith(() => {}, { schema: { keys: schemaOf(validate) } })
    expect(await run(target(1))).toEqual({
      kind: 'record',
      outcome: { result: 'failed', error: expected, isReported: false },
    })
  })

  it('a validator that has failed is called again by the next attempt', async () => {
    let calls = 0
    const keys = schemaOf((value) => (++calls === 1 ? throwing(error) : { value }))
    const { run } = attemptsWith(() => {}, { schema: { keys } })
    const attempted = target(1)
    await run(attempted)
    expect(await run(attempted)).toMatchObject({ outcome: { result: 'handled' } })
  })

  it('a validator that throws a RejectError rejects the record', async () => {
    const { run } = attemptsWith(() => {}, {
      schema: { keys: schemaOf(() => throwing(new RejectError('bad'))) },
    })
    expect(await run(target(1))).toMatchObject({ outcome: { result: 'rejected', reason: 'bad' } })
  })

  it('the timeout applies to validators, and the handler is not called after it', async () => {
    let finish: ((result: unknown) => void) | undefined
    let calls = 0
    const keys = schemaOf(
      () =>
        new Promise((resolve) => {
          finish = resolve
        }),
    )
    const { start, clock } = attemptsWith(() => calls++, { schema: { keys }, handlerTimeoutMs: 1_000 })
    const { outcomes, abandoned } = start(target(1))
    await clock.advance(3_000)
    expect(abandoned).toEqual([3_000])
    finish?.({ value: {} })
    await clock.advance(0)
    expect(outcomes).toMatchObject([{ outcome: { result: 'failed', error: { name: 'TimeoutError' } } }])
    expect(calls).toBe(0)
  })

  it('an attempt that its caller aborts during validation does not call the handler', async () => {
    let calls = 0
    const { start, clock } = attemptsWith(() => calls++, {
      schema: { keys: schemaOf(async (value) => ({ value })) },
    })
    const attempt = start(target(1))
    attempt.abort(error)
    await clock.advance(0)
    expect(attempt.outcomes).toMatchObject([{ outcome: { result: 'failed', error } }])
    expect(calls).toBe(0)
  })
})

describe('the schema of a batch', () => {
  const isOdd = schemaOf((value) => {
    const { total } = value as { readonly total: number }
    return total % 2 === 1 ? { value } : { issues: [{ message: 'even' }] }
  })
  const three = [target(1), target(2), target(3)]

  it('the handler receives the valid records only, and the others are invalid', async () => {
    const received: string[] = []
    const { run } = attemptsWith(
      {
        batch: (records: StreamRecord[]) => {
          received.push(...records.map(({ sequenceNumber }) => sequenceNumber))
          return { batchItemFailures: [{ itemIdentifier: '3' }] }
        },
      },
      { schema: { newImage: isOdd } },
    )
    expect(await run(...three)).toEqual({
      kind: 'named',
      failed: new Set(['3']),
      rejected: new Map(),
      invalid: new Map([['2', 'newImage: even']]),
    })
    expect(received).toEqual(['1', '3'])
  })

  it('invalid records stay invalid when the handler throws', async () => {
    const { run } = attemptsWith({ batch: () => throwing(error) }, { schema: { newImage: isOdd } })
    expect(await run(...three)).toEqual({
      kind: 'batchFailed',
      error,
      rejected: new Map(),
      invalid: new Map([['2', 'newImage: even']]),
    })
  })

  it('a response that names an invalid record, which the handler did not receive, fails the batch', async () => {
    const { run } = attemptsWith(
      { batch: () => ({ batchItemFailures: [{ itemIdentifier: '2' }] }) },
      { schema: { newImage: isOdd } },
    )
    expect(await run(...three)).toMatchObject({ kind: 'batchFailed', error: expect.any(TypeError) })
  })

  it('the handler is not called if all records are invalid', async () => {
    let calls = 0
    const { run } = attemptsWith({ batch: () => calls++ }, { schema: { newImage: isOdd } })
    expect(await run(target(2), target(4))).toMatchObject({ kind: 'named', failed: new Set() })
    expect(await run(target(2))).toMatchObject({ kind: 'record', outcome: { result: 'invalid' } })
    expect(calls).toBe(0)
  })

  it('a validator that throws for one record fails the batch before the handler is called', async () => {
    let calls = 0
    const newImage = schemaOf((value) =>
      (value as { total: number }).total === 2 ? throwing(error) : { value },
    )
    const { run } = attemptsWith({ batch: () => calls++ }, { schema: { newImage } })
    expect(await run(...three)).toMatchObject({ kind: 'batchFailed', error })
    expect(calls).toBe(0)
  })

  it('a validator that throws a RejectError rejects its record of the batch', async () => {
    const newImage = schemaOf((value) =>
      (value as { total: number }).total === 2 ? throwing(new RejectError('bad')) : { value },
    )
    const { run } = attemptsWith({ batch: () => {} }, { schema: { newImage } })
    expect(await run(...three)).toMatchObject({ kind: 'named', rejected: new Map([['2', 'bad']]) })
  })
})

describe('the schema of tasks', () => {
  it('all tasks receive the output of one validation', async () => {
    const keys = schemaOf(() => ({ value: { id: 1 } }))
    const received: unknown[] = []
    const task = (record: StreamRecord, _context: RecordContext) => {
      received.push(record.keys)
    }
    await attemptsWith({ tasks: { one: task, two: task } }, { schema: { keys } }).run(target(1))
    expect(received).toEqual([{ id: 1 }, { id: 1 }])
    expect(keys.seen).toHaveLength(1)
  })
})

function throwing(value: unknown): never {
  throw value
}
