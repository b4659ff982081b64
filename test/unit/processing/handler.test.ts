import { describe, expect, it } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { checkHandler } from '../../../src/processing/handler.ts'

/** The error that `checkHandler` throws, as the path of the option and the message. */
function refusal(handler: unknown): { readonly option: string; readonly message: string } {
  try {
    checkHandler(handler)
  } catch (error) {
    if (!isStreamError(error, 'options.invalid')) throw error
    return { option: error.details.option, message: error.message }
  }
  throw new Error('The handler was accepted.')
}

const noop = () => {}

describe('the forms of a handler', () => {
  it('a function handles one record', () => {
    expect(checkHandler(noop)).toEqual({ form: 'record', call: noop })
  })

  it('a batch handler has defaults for all of its options', () => {
    expect(checkHandler({ batch: noop, batchSize: undefined })).toEqual({
      form: 'batch',
      call: expect.any(Function),
      batchSize: 100,
      maxBatchingWindowMs: 0,
      maxBatchBytes: undefined,
    })
  })

  it('the options of a batch handler are kept, up to the ends of their ranges', () => {
    const least = { batchSize: 1, maxBatchingWindowMs: 0, maxBatchBytes: 1 }
    const most = { batchSize: 10_000, maxBatchingWindowMs: 300_000, maxBatchBytes: Number.MAX_SAFE_INTEGER }
    for (const options of [least, most]) {
      expect(checkHandler({ batch: noop, ...options })).toMatchObject(options)
    }
  })

  it('tasks keep their names and their order', () => {
    const names = ['index', 'mail', '__proto__', 'constructor', 'ä'.repeat(100)]
    const work = checkHandler({ tasks: Object.fromEntries(names.map((name) => [name, noop])) })
    expect(work.form === 'tasks' && [...work.tasks.keys()]).toEqual(names)
  })

  it('an instance of a class may have properties of its own', () => {
    class Indexer {
      readonly client = {}
      readonly batchsize = 'unrelated'
      readonly batchSize = 5
      batch(): void {}
    }
    expect(checkHandler(new Indexer())).toMatchObject({ form: 'batch', batchSize: 5 })
  })

  it('an object without a prototype is a handler', () => {
    expect(checkHandler(Object.assign(Object.create(null), { batch: noop }))).toMatchObject({ form: 'batch' })
  })

  it('options are read once, so a later change has no effect', () => {
    let calls = 0
    const handler = { batch: () => calls++, batchSize: 5 }
    const work = checkHandler(handler)
    handler.batchSize = 7
    handler.batch = () => {
      throw new Error('The method was replaced.')
    }
    if (work.form !== 'batch') throw new Error('It is a batch handler.')
    work.call([], {} as never)
    expect([work.batchSize, calls]).toEqual([5, 1])
  })
})

describe('handlers that are refused', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a string', 'index'],
    ['an array', [noop]],
    ['an empty object', {}],
    ['an object with undefined members', { batch: undefined, tasks: undefined }],
    ['an instance of a class without batch', new Map()],
  ])('%s is refused with the forms that are accepted', (_, handler) => {
    const { option, message } = refusal(handler)
    expect(option).toBe('handler')
    expect(message).toContain('a function, an object with the method batch, or an object with tasks')
  })

  it('a misspelled member is refused with the name that was probably meant', () => {
    expect(refusal({ batches: noop })).toEqual({
      option: 'handler.batches',
      message: 'There is no option handler.batches; did you mean batch?',
    })
    expect(refusal({ batch: noop, batchsize: 5 }).message).toBe(
      'There is no option handler.batchsize; did you mean batchSize?',
    )
    expect(refusal({ task: { index: noop } }).message).toContain('did you mean tasks?')
  })

  it('batch and tasks together are refused', () => {
    expect(refusal({ batch: noop, tasks: { index: noop } })).toEqual({
      option: 'handler',
      message: 'Option handler is an object with both, but must be either a batch handler or tasks.',
    })
  })

  it('options of a batch are refused for tasks', () => {
    expect(refusal({ tasks: { index: noop }, batchSize: 5 }).option).toBe('handler.batchSize')
  })

  it.each([
    ['batch', null],
    ['batch', 'index'],
    ['batchSize', 0],
    ['batchSize', 10_001],
    ['batchSize', 1.5],
    ['batchSize', '10'],
    ['batchSize', Number.NaN],
    ['batchSize', null],
    ['maxBatchingWindowMs', -1],
    ['maxBatchingWindowMs', 300_001],
    ['maxBatchingWindowMs', Number.POSITIVE_INFINITY],
    ['maxBatchBytes', 0],
    ['maxBatchBytes', 2 ** 53],
    ['maxBatchBytes', 10n],
  ])('%s: %s is refused', (name, value) => {
    expect(refusal({ batch: noop, [name]: value }).option).toBe(`handler.${name}`)
  })

  it.each<[string, unknown]>([
    ['no tasks', {}],
    ['an array', [noop]],
    ['a function', noop],
    ['null', null],
    ['101 tasks', Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`t${index}`, noop]))],
    ['a task without a name', { '': noop }],
    ['a name of 101 characters', { ['x'.repeat(101)]: noop }],
    ['a name that is not well-formed', { '\ud800': noop }],
  ])('tasks that are %s are refused', (_, tasks) => {
    const { option, message } = refusal({ tasks })
    expect(option).toBe('handler.tasks')
    expect(message.endsWith('.')).toBe(true)
    expect(message.isWellFormed()).toBe(true)
  })

  it.each<[unknown]>([[undefined], [null], [{}], ['index']])('a task that is %s is refused', (task) => {
    expect(refusal({ tasks: { mail: noop, index: task } }).option).toBe('handler.tasks.index')
  })
})
