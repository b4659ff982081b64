import { setTimeout as sleep } from 'node:timers/promises'
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import pLimit from 'p-limit'
import { openStream, type ProcessOptions, processStream, type StreamRecord } from '../../src/index.ts'
import { fastApi } from '../support/fast-path.ts'
import type { Contender, ContenderResult } from '../support/measure.ts'
import { readPages } from '../support/read-pages.ts'

/** How many handlers run concurrently, which is the default of `processStream`. */
export const LANES = 16

export interface ProcessingInput {
  readonly endpoint: string
  readonly streamArn: string
  /**
   * The number of records. The contenders of this package stop at the last one, because the library reports
   * the end of a disabled stream 1.5 s later, which is not measured here.
   */
  readonly total: number
  /** How long a handler takes, in ms: each a different time in this range. Undefined: it returns at once. */
  readonly handlerMs?: readonly [number, number] | undefined
}

/** The handler of a contender. */
class Handler {
  readonly #input: ProcessingInput
  readonly #onHandled: (handled: number) => void
  #started = 0
  #handled = 0
  #warmAt = Number.NaN
  #endedAt = Number.NaN

  /** @param onHandled - called with the number of handled records. */
  constructor(input: ProcessingInput, onHandled: (handled: number) => void = () => {}) {
    this.#input = input
    this.#onHandled = onHandled
  }

  get handled(): number {
    return this.#handled
  }

  /** The rate without the first fifth of the records, before which the connection and the code warm up. */
  get result(): ContenderResult {
    const perSecond = (0.8 * this.#input.total) / ((this.#endedAt - this.#warmAt) / 1_000)
    return { records: this.#handled, details: { perSecond } }
  }

  readonly handle = async (): Promise<void> => {
    const { handlerMs } = this.#input
    if (handlerMs !== undefined) await sleep(this.#nextMs(handlerMs))
    this.#handled++
    if (this.#handled === 0.2 * this.#input.total) this.#warmAt = performance.now()
    if (this.#handled === this.#input.total) this.#endedAt = performance.now()
    this.#onHandled(this.#handled)
  }

  /** All times occur equally often, and neighbors have different ones. */
  #nextMs([from, to]: readonly [number, number]): number {
    return from + ((this.#started++ * 7) % (to - from + 1))
  }
}

/** Reads the stream without processing it. */
const iterate: Contender<ProcessingInput> = async ({ endpoint, streamArn, total }) => {
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  let records = 0
  for await (const _ of stream) if (++records === total) break
  return { records }
}

/** Reads one image of each record, for comparison with filters of images. */
const iterateImages: Contender<ProcessingInput> = async ({ endpoint, streamArn, total }) => {
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  let records = 0
  for await (const record of stream) if (record.newImage !== undefined && ++records === total) break
  return { records }
}

function processEach(options: ProcessOptions): Contender<ProcessingInput> {
  return async (input) => {
    const { endpoint, streamArn, total } = input
    await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
    const handler = new Handler(input, (handled) => {
      if (handled === total) void run.stop()
    })
    const run = processStream(stream, handler.handle, { concurrency: LANES, ...options })
    await run
    return handler.result
  }
}

/** A batch handler, which is called with up to 500 records. */
const processBatches: Contender<ProcessingInput> = async ({ endpoint, streamArn, total }) => {
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  let records = 0
  const batch = async (batch: readonly StreamRecord[]) => {
    records += batch.length
    if (records === total) void run.stop()
  }
  const run = processStream(stream, { batch, batchSize: 500 })
  await run
  return { records }
}

/**
 * p-limit over the iterator of this package. Records are started in order, but those of one key can overtake
 * each other, and the iterator acknowledges a record before it is handled.
 */
const limitIterator: Contender<ProcessingInput> = async (input) => {
  const { endpoint, streamArn, total } = input
  await using stream = await openStream({ client: fastApi(endpoint), streamArn, startAt: 'trim_horizon' })
  const limit = pLimit(LANES)
  let continueReading = () => {}
  const handler = new Handler(input, () => continueReading())
  let records = 0
  for await (const _ of stream) {
    void limit(handler.handle)
    if (++records === total) break
    // Without a limit on the queue, the whole backlog would be in memory.
    if (limit.pendingCount >= 2 * LANES) {
      await new Promise<void>((resolve) => {
        continueReading = resolve
      })
    }
  }
  while (handler.handled < total) {
    await new Promise<void>((resolve) => {
      continueReading = resolve
    })
  }
  return handler.result
}

/**
 * Powertools for AWS Lambda, which has neither a reader nor a limit on concurrency. Pages are fetched and
 * parsed as Lambda does it outside of the function, and passed on one batch at a time: of 500 records, or of
 * as many as may run concurrently if handlers take time.
 */
const powertools: Contender<ProcessingInput> = async (input) => {
  const { handlerMs, total } = input
  const processor = new BatchProcessor(EventType.DynamoDBStreams)
  const handler = new Handler(input)
  const batchSize = handlerMs === undefined ? 500 : LANES
  let started = 0
  let previous = Promise.resolve()
  const processPage = async (page: readonly DynamoDBRecord[]) => {
    for (let first = 0; first < page.length && started < total; first += batchSize) {
      const event: DynamoDBStreamEvent = { Records: page.slice(first, first + batchSize) }
      started += event.Records.length
      await processPartialResponse(event, handler.handle, processor)
    }
  }
  await readPages<DynamoDBRecord>(input, (page) => {
    previous = previous.then(() => processPage(page))
    return previous
  })
  return handler.result
}

/** The rate that the timers of the machine permit: as many loops as lanes, which do nothing but wait. */
const ideal: Contender<ProcessingInput> = async (input) => {
  let started = 0
  const handler = new Handler(input)
  const lane = async () => {
    while (started++ < input.total) await handler.handle()
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return handler.result
}

export const contenders: Record<string, Contender<ProcessingInput>> = {
  openStream: iterate,
  'openStream, newImage read': iterateImages,
  "processStream, order: 'key'": processEach({ order: 'key' }),
  "processStream, order: 'shard'": processEach({ order: 'shard' }),
  "processStream, order: 'none'": processEach({ order: 'none' }),
  'processStream, batches of 500': processBatches,
  'processStream, filters on eventName': processEach({ filters: { eventName: ['INSERT', 'MODIFY'] } }),
  'processStream, filters on newImage': processEach({
    filters: { dynamodb: { NewImage: { note: { NULL: [true] } } } },
  }),
  'p-limit over openStream': limitIterator,
  'Powertools, batches': powertools,
  'loops without a stream': ideal,
}
