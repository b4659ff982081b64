import asyncHooks, { type AsyncHook } from 'node:async_hooks'
import {
  IdempotencyItemAlreadyExistsError,
  IdempotencyItemNotFoundError,
} from '@aws-lambda-powertools/idempotency'
import { BasePersistenceLayer, type IdempotencyRecord } from '@aws-lambda-powertools/idempotency/persistence'
import { emulateEventSourceMapping, ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createIdempotentHandler } from './idempotent-handler.ts'

/** A persistence layer without a table of DynamoDB. Its records do not expire. */
class MemoryPersistenceLayer extends BasePersistenceLayer {
  readonly #records = new Map<string, IdempotencyRecord>()

  protected override async _putRecord(record: IdempotencyRecord): Promise<void> {
    const existing = this.#records.get(record.idempotencyKey)
    if (existing !== undefined) throw new IdempotencyItemAlreadyExistsError('It exists.', existing)
    this.#records.set(record.idempotencyKey, record)
  }

  protected override async _getRecord(key: string): Promise<IdempotencyRecord> {
    const record = this.#records.get(key)
    if (record === undefined) throw new IdempotencyItemNotFoundError('It does not exist.')
    return record
  }

  protected override async _updateRecord(record: IdempotencyRecord): Promise<void> {
    this.#records.set(record.idempotencyKey, record)
  }

  protected override async _deleteRecord({ idempotencyKey }: IdempotencyRecord): Promise<void> {
    this.#records.delete(idempotencyKey)
  }
}

const hooks: AsyncHook[] = []

beforeAll(() => {
  vi.stubEnv('POWERTOOLS_TRACE_ENABLED', 'false')
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT')
  const { createHook } = asyncHooks
  vi.spyOn(asyncHooks, 'createHook').mockImplementation((callbacks) => {
    const hook = createHook(callbacks)
    hooks.push(hook)
    return hook
  })
})

afterAll(() => {
  // The X-Ray SDK makes every await much slower, also those of the other tests in this process.
  for (const hook of hooks) hook.disable()
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

it('each invoice is sent once although Lambda repeats records, and each attempt has a subsegment', async () => {
  const { Tracer } = await import('@aws-lambda-powertools/tracer')
  expect(hooks).not.toEqual([])
  const tracer = new Tracer({ serviceName: 'orders' })
  expect(tracer.isTracingEnabled()).toBe(false)
  // While tracing is disabled, each call returns another segment, which is not sent.
  const segment = tracer.getSegment()
  vi.spyOn(tracer, 'getSegment').mockReturnValue(segment)

  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  for (const id of ['o1', 'o2', 'o3']) emulator.put({ id, total: 10 })
  emulator.disable()
  const sent: string[] = []
  let failures = 0
  const handler = createIdempotentHandler({
    clock,
    tracer,
    persistenceStore: new MemoryPersistenceLayer(),
    invoice: async (id) => {
      if (id === 'o2' && ++failures <= 3) throw new Error('The service is down.')
      sent.push(id)
    },
  })
  const mapping = emulateEventSourceMapping({
    emulator,
    clock,
    handler,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  })
  await clock.run(mapping.drain())
  await mapping.close()

  expect(mapping.invocations.map(({ records }) => records.map(({ key }) => key.id))).toEqual([
    ['o1', 'o2', 'o3'],
    ['o2', 'o3'],
  ])
  expect(sent).toEqual(['o1', 'o3', 'o2'])
  const subsegments = segment?.subsegments?.map((one) => one.toJSON())
  expect(subsegments?.map(({ annotations, fault = false }) => ({ ...annotations, fault }))).toEqual([
    { order: 'o1', attempt: 1, fault: false },
    { order: 'o2', attempt: 1, fault: true },
    { order: 'o3', attempt: 1, fault: false },
    { order: 'o2', attempt: 2, fault: true },
    { order: 'o2', attempt: 3, fault: true },
    { order: 'o2', attempt: 1, fault: false },
    { order: 'o3', attempt: 1, fault: false },
  ])
  expect(subsegments?.every(({ in_progress: isOpen }) => isOpen === undefined)).toBe(true)
})
