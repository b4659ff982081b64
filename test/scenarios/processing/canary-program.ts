import { writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import {
  type DeadLetter,
  type DynamoDBStream,
  memoryParkingStore,
  type PlainItem,
  type ProcessingRun,
  type ProcessOptions,
  processStream,
  type StandardSchema,
  type StreamRecord,
} from '../../../src/index.ts'
import { processingEventNames } from '../../../src/processing/events.ts'
import { streamEventNames } from '../../../src/stream/events.ts'
import { startScraper } from '../../support/prometheus.ts'
import { exportedJson, recordTraces } from '../../support/traces.ts'
import { numberOf, type WorkerFixture, workerFixture } from './worker.ts'

/**
 * What runs have reported anywhere, as strings; and the dead letters, which are the only place where values
 * of items may be.
 */
export interface Observed {
  readonly metrics: string
  readonly spans: readonly string[]
  readonly events: Readonly<Record<string, number>>
  readonly reports: string
  readonly errors: readonly string[]
  readonly letters: string
}

// Processes items that contain a canary in every place, in every way that records can fail, and writes what
// could be observed to a file: canary-program.ts <canary> <file>
const [, , canary = '', file = ''] = process.argv

const fixture: WorkerFixture = workerFixture()
const { clock, emulator, start, store } = fixture
const scraper = await startScraper()
const traces = recordTraces()
const events: Record<string, number> = {}
const reports: unknown[] = []
const errors: string[] = []
const letters: DeadLetter[] = []
let isDown = true

/** A schema whose messages contain the value, as those of several libraries do. */
const schema: StandardSchema<unknown, PlainItem> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      (value as { n: number }).n === 2
        ? { issues: [{ message: `Expected a number, received ${JSON.stringify(value)}.`, path: [canary] }] }
        : { value: value as PlainItem },
  },
}

const common: ProcessOptions = {
  meter: scraper.meter,
  tracer: traces.tracer,
  traceContext: (record: StreamRecord) => [
    record.newImage?.secret as string,
    { traceId: record.newImage?.secret as string, spanId: canary, traceFlags: 1 },
  ],
  retry: { maxAttempts: 2, maxDelayMs: 1_000 },
  handlerTimeoutMs: 1_000,
  stallAfterMs: 500,
  onFailure: async (letter) => {
    if (isDown) throw new Error('down')
    letters.push(letter)
  },
}

function put(count: number): void {
  for (let n = 0; n < count; n++) {
    const id = `${canary}-key-${n}`
    const secret = { secret: canary, nested: { [canary]: [canary] }, bytes: new TextEncoder().encode(canary) }
    emulator.put({ id, n, ...secret })
    emulator.put({ id, n, ...secret, changed: true })
  }
  emulator.remove({ id: `${canary}-key-0` })
}

function report(name: string, event: unknown): void {
  events[name] = (events[name] ?? 0) + 1
  reports.push([name, event, safeJson(event)])
}

function safeJson(value: unknown): string {
  return JSON.stringify(value) ?? ''
}

async function observe(stream: DynamoDBStream, run: ProcessingRun): Promise<void> {
  run.catch((error: unknown) => {
    errors.push(String(error), inspect(error, { depth: 20 }))
  })
  for (const name of processingEventNames) run.on(name, (event) => report(name, event))
  for (const name of streamEventNames) stream.on(name, (event) => report(name, event))
  for (let step = 0; step < 2; step++) {
    await clock.advance(20_000)
    reports.push(run.health(), run.counters, stream.token, stream.lag(), await store.load('worker'))
    metrics += (await scraper.scrape()).text
    isDown = false
  }
  await clock.advance(120_000)
  await clock.run(run.stop().catch(() => {}))
  metrics += (await scraper.scrape()).text
  await clock.run(stream.close())
}

let metrics = ''

/** Records that fail in every way, one by one. */
async function records(): Promise<void> {
  const stream = await start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
  const run = processStream(
    stream,
    async (record: StreamRecord, { reject, signal }) => {
      switch (numberOf(record)) {
        case 0:
          throw new Error('broken')
        case 1:
          return reject(`not valid: ${record.newImage?.secret}`)
        case 3:
          return await new Promise<void>((_resolve, fail) =>
            signal.addEventListener('abort', () => fail(signal.reason)),
          )
        case 4:
          throw Object.assign(new Error('broken'), { name: `Error of ${canary}`, code: `${canary} is wrong` })
        default:
          return undefined
      }
    },
    { ...common, schema: { newImage: schema } },
  )
  put(7)
  await observe(stream, run)
}

/** Batches whose response is wrong, in ways that quote an item. */
async function batches(): Promise<void> {
  const stream = await start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
  const run = processStream(
    stream,
    {
      batchSize: 4,
      batch: (batch) =>
        batch.length > 1
          ? { batchItemFailures: [{ itemIdentifier: canary }] }
          : ({ [canary]: batch[0]?.newImage } as never),
    },
    { ...common, filter: (record) => numberOf(record) < 4 || thrown() },
  )
  put(6)
  await observe(stream, run)
}

function thrown(): never {
  throw new Error('the filter is broken')
}

/** A key that is parked, and released. */
async function parked(): Promise<void> {
  const stream = await start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
  const parking = memoryParkingStore()
  const run = processStream(
    stream,
    (record) => {
      if (numberOf(record) === 1 && isDown) throw new Error('broken')
    },
    { ...common, retry: { maxAttempts: 20 }, parking: { store: parking, after: { attempts: 2 } } },
  )
  isDown = true
  put(3)
  run.on('parked', ({ keyHash }) => void parking.release('worker', keyHash))
  await observe(stream, run)
}

/** A record that ends the run. */
async function stopped(): Promise<void> {
  const stream = await start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
  const { onFailure: _, ...options } = common
  const run = processStream(stream, () => {}, { ...options, schema: { newImage: schema } })
  put(4)
  await observe(stream, run)
}

await records()
await batches()
await parked()
await stopped()
const observed: Observed = {
  metrics,
  spans: traces.spans.map(exportedJson),
  events,
  reports: inspect(reports, { depth: 30, maxStringLength: null, maxArrayLength: null }),
  errors,
  letters: JSON.stringify(letters.map((letter) => letter.invocationRecord())),
}
writeFileSync(file, JSON.stringify(observed))
await scraper[Symbol.asyncDispose]()
