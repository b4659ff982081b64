import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isStreamError } from '../../../src/core/errors.ts'
import { memoryParkingStore } from '../../../src/parking/memory.ts'
import { checkProcessOptions } from '../../../src/processing/check-options.ts'
import { checkHandler } from '../../../src/processing/handler.ts'
import type { ProcessOptions } from '../../../src/processing/options.ts'

const perRecord = checkHandler(() => {})
const inBatches = (batchSize: number) => checkHandler({ batch: () => {}, batchSize })

/** Options as a JavaScript program may pass them. */
function check(options: unknown, work = perRecord) {
  return checkProcessOptions(options as ProcessOptions, work)
}

/** Returns what the error says about an option that is refused. */
function refusal(options: unknown, work = perRecord): { option: string; message: string } {
  try {
    check(options, work)
  } catch (error) {
    if (isStreamError(error, 'options.invalid')) {
      expect(error.message).toMatch(/[.?]$/)
      return { option: error.details.option, message: error.message }
    }
    throw error
  }
  throw new Error('The options were accepted')
}

const discard = { onFailure: 'discard' as const }

describe('checkProcessOptions', () => {
  it('without options all defaults apply, and the clock and random numbers are those of the stream', () => {
    expect(check({})).toEqual({
      name: undefined,
      order: 'key',
      concurrency: 16,
      retry: {
        maxAttempts: 20,
        minDelayMs: 200,
        maxDelayMs: 60_000,
        maxRecordAgeMs: undefined,
        canGiveUpExhausted: false,
      },
      callbacks: {},
      onFailure: { exhausted: 'stop', rejected: 'stop', invalid: 'stop' },
      filters: undefined,
      filter: undefined,
      schema: undefined,
      handlerTimeoutMs: undefined,
      abandonAfterMs: 2_000,
      drainTimeoutMs: 15_000,
      maxUnsettled: 10_000,
      maxUnsettledBytes: 64 * 1024 * 1024,
      maxFailingKeys: 1_000,
      stallAfterMs: 60_000,
      checkDestinations: true,
      signal: undefined,
      clock: undefined,
      random: undefined,
    })
  })

  it('an option that is undefined has its default', () => {
    const names = Object.keys(check({})).filter((name) => name !== 'callbacks')
    const options = Object.fromEntries(names.map((name) => [name, undefined]))
    expect(check(options)).toEqual(check({}))
  })

  it.each([undefined, null, 'key', 16, [], () => {}])('%o is not an object with options', (options) => {
    expect(refusal(options).option).toBe('options')
  })

  it.each([
    ['concurrency', 1, 10_000],
    ['handlerTimeoutMs', 1, 86_400_000],
    ['abandonAfterMs', 0, 3_600_000],
    ['drainTimeoutMs', 0, 3_600_000],
    ['maxUnsettled', 1, 500_000],
    ['maxUnsettledBytes', 1, Number.MAX_SAFE_INTEGER],
    ['maxFailingKeys', 1, 500_000],
    ['stallAfterMs', 1, 86_400_000],
  ] as const)('%s is a whole number from %d to %d', (name, min, max) => {
    for (const value of [min, max]) expect(check({ [name]: value })[name]).toBe(value)
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, `${min}`, true, {}]) {
      expect(refusal({ [name]: value }).option).toBe(name)
    }
  })

  it.each([
    ['maxAttempts', 1, 1_000_000],
    ['minDelayMs', 0, 86_400_000],
    ['maxDelayMs', 0, 86_400_000],
    ['maxRecordAgeMs', 1_000, 604_800_000],
  ] as const)('retry.%s is a whole number from %d to %d', (name, min, max) => {
    for (const value of [min, max]) {
      expect(check({ ...discard, retry: { [name]: value } }).retry[name]).toBe(value)
    }
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, `${min}`]) {
      expect(refusal({ ...discard, retry: { [name]: value } }).option).toBe(`retry.${name}`)
    }
  })

  it('an unknown name is refused, and the closest known name is suggested', () => {
    expect(refusal({ concurency: 4 }).message).toBe(
      'There is no option concurency; did you mean concurrency?',
    )
    expect(refusal({ retry: { maxAttempt: 4 } }).message).toContain('did you mean maxAttempts?')
    expect(refusal({ schema: { newimage: z.object({}) } }).message).toContain('did you mean newImage?')
  })

  it('the inherited names of objects are unknown options too', () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const options = JSON.parse(`{"${name}": 1}`)
      expect(refusal(options).message).toContain(`There is no option ${name};`)
    }
  })

  it('an option in the wrong place is refused with the right one', () => {
    expect(refusal({ maxAttempts: 3 }).message).toBe(
      'processStream has no option maxAttempts; it belongs to the option retry: { maxAttempts }.',
    )
    expect(refusal({ batchSize: 10 }).message).toBe(
      'processStream has no option batchSize; it belongs to the handler: { batch, batchSize }.',
    )
    expect(refusal({ checkpoint: {} }).message).toContain('it belongs to openStream.')
  })

  it('a parameter of a Lambda event source mapping is refused with the option that corresponds to it', () => {
    expect(refusal({ ParallelizationFactor: 10 }).message).toBe(
      'processStream has no option ParallelizationFactor; use the option concurrency.',
    )
    expect(refusal({ MaximumRetryAttempts: 3 }).message).toContain('retry: { maxAttempts }')
    expect(refusal({ BatchSize: 10 }).message).toContain('the handler: { batch, batchSize }')
  })

  it.each(['', 'x'.repeat(256), '\ud800', 7, null])('the name %o is refused', (name) => {
    expect(refusal({ name }).option).toBe('name')
  })

  it('a name may have up to 255 characters of any script', () => {
    expect(check({ name: 'ä'.repeat(255) }).name).toBe('ä'.repeat(255))
  })

  it('the order is by key, by shard, or none', () => {
    for (const order of ['key', 'shard', 'none'] as const) expect(check({ order }).order).toBe(order)
    expect(refusal({ order: 'item' }).message).toBe(
      `Option order is "item", but must be 'key', 'shard' or 'none'.`,
    )
  })

  it('a batch must fit into the unsettled records, or it would never be full', () => {
    expect(check({ maxUnsettled: 50 }, inBatches(50)).maxUnsettled).toBe(50)
    expect(refusal({ maxUnsettled: 50 }, inBatches(51)).message).toBe(
      'Option maxUnsettled is 50, but must be at least batchSize of the handler (51).',
    )
  })

  it('the delays follow each other if only one of them is set', () => {
    const delays = (retry: object) => {
      const { minDelayMs, maxDelayMs } = check({ retry }).retry
      return [minDelayMs, maxDelayMs]
    }
    expect(delays({ maxDelayMs: 50 })).toEqual([50, 50])
    expect(delays({ minDelayMs: 90_000 })).toEqual([90_000, 90_000])
    expect(delays({ minDelayMs: 0, maxDelayMs: 0 })).toEqual([0, 0])
    expect(refusal({ retry: { minDelayMs: 501, maxDelayMs: 500 } }).message).toBe(
      'Option retry.minDelayMs is 501, but must be at most retry.maxDelayMs (500).',
    )
  })

  it('maxRecordAgeMs requires that onFailure says what happens to records of that age', () => {
    const retry = { maxRecordAgeMs: 3_600_000 }
    const send = async () => {}
    expect(refusal({ retry }).option).toBe('retry.maxRecordAgeMs')
    expect(refusal({ retry, onFailure: { rejected: send } }).option).toBe('retry.maxRecordAgeMs')
    expect(check({ retry, ...discard }).retry).toMatchObject({ ...retry, canGiveUpExhausted: true })
    expect(check({ retry, onFailure: send }).retry.canGiveUpExhausted).toBe(true)
    expect(check({ retry, onFailure: { exhausted: 'discard' } }).retry.canGiveUpExhausted).toBe(true)
  })

  it.each([
    ['retry', { retry: 3 }],
    ['retry', { retry: [] }],
    ['retry.classify', { retry: { classify: 'wait' } }],
    ['retry.delayMs', { retry: { delayMs: 100 } }],
    ['filter', { filter: { eventName: ['INSERT'] } }],
    ['checkDestinations', { checkDestinations: 'no' }],
    ['signal', { signal: new AbortController() }],
    ['signal', { signal: null }],
    ['clock', { clock: Date }],
    ['random', { random: 0.5 }],
  ])('a value of the wrong type is refused for %s', (option, options) => {
    expect(refusal(options).option).toBe(option)
  })

  it('the callbacks stay methods of the object that was passed', () => {
    const retry = { classify: () => 'wait' as const, delayMs: () => 0 }
    expect(check({ retry }).callbacks).toBe(retry)
  })

  it('filters are compiled, and a mistake in them is refused, before the run starts', () => {
    expect(check({ filters: { eventName: ['INSERT'] } }).filters?.matches).toBeTypeOf('function')
    expect(refusal({ filters: 5 }).option).toMatch(/^filters/)
  })
})

describe('the option schema', () => {
  it('schemas of Zod, Valibot and ArkType are accepted, and the latter are functions', () => {
    const schema = {
      newImage: z.object({ total: z.number() }),
      oldImage: v.object({ total: v.number() }),
      keys: type({ id: 'string' }),
    }
    expect(schema.keys).toBeTypeOf('function')
    expect(check({ schema }).schema).toBe(schema)
  })

  it('a schema in place of an object with parts is refused with the right form', () => {
    for (const schema of [z.object({}), type({ id: 'string' })]) {
      expect(refusal({ schema }).message).toBe(
        'Option schema is a schema, but must be an object with the parts of a record that it validates, ' +
          'such as { newImage: schema }.',
      )
    }
  })

  it.each([{}, () => true, 'object', null, { parse: () => {} }, { '~standard': { validate: true } }])(
    '%o is not a Standard Schema',
    (newImage) => {
      expect(refusal({ schema: { newImage } }).option).toBe('schema.newImage')
    },
  )

  it('a part whose schema is undefined is not validated', () => {
    expect(check({ schema: { newImage: undefined } }).schema).toEqual({ newImage: undefined })
  })
})

describe('the option parking', () => {
  const store = memoryParkingStore()
  const parking = (changes: object = {}) => ({ parking: { store, after: { attempts: 10 }, ...changes } })

  it('is checked, and keys are parked before their attempts are used up', () => {
    expect(check(parking())).toMatchObject({
      parking: { store, maxParkedPerKey: 100_000 },
      retry: { park: { attempts: 10, ms: undefined, queued: undefined } },
    })
    expect(check({}).retry.park).toBeUndefined()
  })

  it.each([
    [{ order: 'shard' }, {}, 'parking', "order: 'key'"],
    [{ order: 'none' }, {}, 'parking', "order: 'key'"],
    [{ retry: { maxAttempts: 10 } }, {}, 'parking.after.attempts', 'less than retry.maxAttempts (10)'],
    [{}, { after: undefined }, 'parking.after', 'attempts, ms or queued'],
    [{}, { after: 3 }, 'parking.after', 'attempts, ms or queued'],
    [{}, { after: {} }, 'parking.after', 'attempts, ms or queued'],
    [{}, { after: { attempts: 0 } }, 'parking.after.attempts', 'a whole number'],
    [{}, { after: { ms: 0.5 } }, 'parking.after.ms', 'a whole number'],
    [{}, { after: { queued: -1 } }, 'parking.after.queued', 'a whole number'],
    [{}, { after: { attempt: 3 } }, 'parking.after.attempt', 'attempts'],
    [{}, { maxParkedPerKey: 0 }, 'parking.maxParkedPerKey', 'a whole number'],
    [{}, { store: undefined }, 'parking.store', 'fileParkingStore'],
    [{}, { store: './parking' }, 'parking.store', 'fileParkingStore'],
    [{}, { stores: 1 }, 'parking.stores', 'store'],
  ])('with %o, parking with %o is refused: %s', (options, changes, option, expected) => {
    const refused = refusal({ ...options, ...parking(changes) })
    expect(refused.option).toBe(option)
    expect(refused.message).toContain(expected)
  })

  it('is refused if it is not an object', () => {
    expect(refusal({ parking: store }).option).toBe('parking.acquire')
    expect(refusal({ parking: true }).option).toBe('parking')
  })
})
