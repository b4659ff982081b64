import { expect, test } from 'vitest'
import { checkRedriveHandler } from '../../../src/redrive/redrive-handler.ts'

const handler = () => {}

test('a handler in any of the forms of processStream is accepted, alone or with options', () => {
  const tasks = { mail: handler }
  const batch = () => undefined
  expect(checkRedriveHandler(handler, undefined).work.form).toBe('record')
  expect(checkRedriveHandler({ tasks }, undefined).work.form).toBe('tasks')
  expect(checkRedriveHandler({ batch }, undefined).work.form).toBe('batch')
  expect(checkRedriveHandler({ handler }, undefined).work.form).toBe('record')
  expect(checkRedriveHandler({ handler: { tasks }, handlerTimeoutMs: 5 }, undefined)).toMatchObject({
    work: { form: 'tasks' },
    options: { handlerTimeoutMs: 5 },
  })
})

test('the default is three attempts, with the delays of processStream', () => {
  const { options } = checkRedriveHandler(handler, undefined)
  expect(options.retry).toMatchObject({ maxAttempts: 3, minDelayMs: 200, maxDelayMs: 60_000 })
})

test('the retry options of a worker can be used, except for the age, which old records exceed', () => {
  const retry = { maxAttempts: 20, minDelayMs: 10, maxRecordAgeMs: 60_000, classify: () => 'retry' }
  const { options } = checkRedriveHandler({ handler, retry }, undefined)
  expect(options.retry).toMatchObject({ maxAttempts: 20, minDelayMs: 10, maxRecordAgeMs: undefined })
  expect(options.callbacks.classify).toBe(retry.classify)
  expect(checkRedriveHandler({ handler, retry }, 2).options.retry.maxAttempts).toBe(2)
})

test.each<[unknown, string]>([
  [
    undefined,
    'Option handler is undefined, but must be a function, an object with the method batch, or an object with tasks',
  ],
  ['index', 'Option handler is "index", but must be a function'],
  [{}, 'Option handler is undefined, but must be a function'],
  [{ retry: { maxAttempts: 2 } }, 'Option handler is undefined, but must be a function'],
  [{ handlr: handler }, 'There is no option handlr; did you mean handler?'],
  [{ task: { mail: handler } }, 'There is no option task; did you mean tasks?'],
  [[handler], 'Option handler is an array, but must be a function'],
  [{ handler: null }, 'Option handler is null, but must be a function'],
  [{ handler: {} }, 'Option handler is an object, but must be a function'],
  [{ handler, concurrency: 5 }, 'There is no option concurrency'],
  [{ handler, shema: {} }, 'There is no option shema; did you mean schema?'],
  [
    { handler, schema: { newImage: {} } },
    'Option schema.newImage is an object, but must be a Standard Schema validator',
  ],
  [{ handler, retry: 3 }, 'Option retry is 3, but must be an object'],
  [{ handler, retry: { attempts: 3 } }, 'There is no option retry.attempts'],
  [{ handler, handlerTimeoutMs: 0 }, 'Option handlerTimeoutMs is 0, but must be'],
  [{ handler, filters: 'x' }, 'filters'],
  [{ tasks: {} }, 'Option handler.tasks is an empty object, but must be an object with 1 to 100 tasks'],
])('%j is refused: %s', (exported, message) => {
  expect(() => checkRedriveHandler(exported, undefined)).toThrow(message)
})
