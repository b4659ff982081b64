import { type CheckedOptions, checkProcessOptions } from '../../../src/processing/check-options.ts'
import type { ProcessingSummary } from '../../../src/processing/counts.ts'
import { type ProcessingEvents, processingEventNames } from '../../../src/processing/events.ts'
import { checkHandler } from '../../../src/processing/handler.ts'
import { Run } from '../../../src/processing/run.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import { type Delivery, type RecordProgress, ShardLedger } from '../../../src/shards/shard-ledger.ts'
import type { RecordSource } from '../../../src/stream/record-source.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'

/** A record that a fake source delivers. */
export interface FakeRecord {
  /** The key of the item. @default a key of its own */
  readonly key?: string
  /** @default 'shard-a' */
  readonly shardId?: string
  readonly bytes?: number
  /** How long ago the record was written, in ms. */
  readonly ageMs?: number
  readonly resumed?: Partial<RecordProgress>
  readonly image?: object
}

/** What a checkpoint says about a record: settled, or its progress; undefined if no attempt was made. */
export type SavedRecord = 'settled' | RecordProgress | undefined

/** Creates a record with the sequence number `number`, whose image has the attribute `n: number`. */
export function recordOf(number: number, clock: ManualClock, options: FakeRecord = {}): StreamRecord {
  const { key = `key-${number}`, shardId = 'shard-a', bytes = 100, ageMs = 0, image = {} } = options
  const wire = {
    eventID: `event-${number}`,
    eventName: 'MODIFY',
    dynamodb: {
      SequenceNumber: String(number),
      SizeBytes: bytes,
      Keys: { id: { S: key } },
      NewImage: { id: { S: key }, n: { N: String(number) }, ...image },
    },
  }
  return new StreamRecord(wire, { shardId }, clock.now() - ageMs)
}

/**
 * A source of records without a stream. Like a real one, it saves only what was reported: a save without a
 * change since the last one does nothing.
 */
export class FakeSource implements RecordSource {
  readonly clock: ManualClock
  readonly random = (): number => 0.5
  readonly streamArn: string =
    'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'
  readonly name = 'worker'
  readonly epoch = 7
  mayDeliver = true
  readonly renewed = async (): Promise<void> => {}
  readonly lease: AbortController = new AbortController()
  canAdvance = false
  lagMs = 0
  lostUnsettled = 0
  parents: Readonly<Record<string, string>> = {}
  /** Called before each save. */
  beforeSave: (signal: AbortSignal | undefined) => Promise<void> = async () => {}
  /** The contents of the checkpoint, by sequence number. */
  saved: ReadonlyMap<string, SavedRecord> = new Map()
  saves = 0
  readonly saveCounts = { saved: 0, failed: 0 }
  /** The deliveries that were passed to `detach`; undefined before. */
  detached: readonly Delivery[] | undefined
  taken = 0
  readonly delivered: Delivery[] = []
  readonly #waiting: Delivery[] = []
  readonly #trackers = new Map<Delivery, { progress(): RecordProgress | undefined }>()
  readonly #ledgers = new Map<string, ShardLedger>()
  #number = 0
  #hasEnded = false
  #isChanged = false
  #wake: () => void = () => {}

  constructor(clock: ManualClock) {
    this.clock = clock
  }

  get lost(): AbortSignal {
    return this.lease.signal
  }

  get lag(): RecordSource['lag'] {
    const { lagMs } = this
    return { millisBehindLatest: lagMs, retentionHeadroomMs: 86_400_000 - lagMs, shards: [] }
  }

  /** Adds records that can be taken. */
  write(...records: readonly FakeRecord[]): void {
    for (const options of records) {
      const number = ++this.#number
      const record = recordOf(number, this.clock, options)
      const ledger = this.#ledgers.get(record.shardId) ?? new ShardLedger()
      this.#ledgers.set(record.shardId, ledger)
      const delivery = ledger.deliver(record, record.sequenceNumber)
      const resumed = options.resumed && { ...noProgress, ...options.resumed }
      const track = delivery.track.bind(delivery)
      Object.defineProperties(delivery, {
        resumed: { value: resumed },
        track: {
          value: (tracker: Parameters<Delivery['track']>[0]) => {
            this.#trackers.set(delivery, tracker)
            track(tracker)
          },
        },
      })
      this.#waiting.push(delivery)
    }
    this.#wake()
  }

  /** No more records follow. */
  end(): void {
    this.#hasEnded = true
    this.#wake()
  }

  take(): Delivery | undefined {
    this.lost.throwIfAborted()
    const delivery = this.#waiting.shift()
    if (delivery === undefined) return undefined
    this.taken++
    this.delivered.push(delivery)
    return delivery
  }

  async wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0 || this.#hasEnded || signal.aborted) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  get isEnded(): boolean {
    return this.#hasEnded && this.#waiting.length === 0
  }

  async advance(): Promise<boolean> {
    return false
  }

  settled(): void {
    this.#isChanged = true
  }

  changed(): void {
    this.#isChanged = true
  }

  async save(signal?: AbortSignal): Promise<void> {
    if (!this.#isChanged) return
    await this.beforeSave(signal)
    this.#isChanged = false
    this.saves++
    this.saved = new Map(
      this.delivered.map((delivery): [string, SavedRecord] => [
        delivery.sequenceNumber,
        delivery.isSettled ? 'settled' : (this.#trackers.get(delivery)?.progress() ?? undefined),
      ]),
    )
  }

  abandon(error: unknown): void {
    this.lease.abort(error)
  }

  *ancestorsOf(shardId: string): Iterable<string> {
    for (let at = this.parents[shardId]; at !== undefined; at = this.parents[at]) yield at
  }

  detach(unsettled: Iterable<Delivery> = []): void {
    this.detached ??= [...unsettled]
  }
}

const noProgress: RecordProgress = {
  attempts: 0,
  since: 0,
  isRunning: false,
  finishedTasks: [],
  error: undefined,
}

export interface RunSubject {
  readonly clock: ManualClock
  readonly source: FakeSource
  readonly run: Run
  /** The events of the run so far. */
  readonly events: readonly RunEvent[]
  eventsNamed<Name extends keyof ProcessingEvents>(name: Name): ProcessingEvents[Name][]
  /** Lets everything happen that needs no timer. */
  settle(): Promise<void>
  /** Stops the run, and returns its summary. */
  stop(): Promise<ProcessingSummary>
}

export type RunEvent = {
  [Name in keyof ProcessingEvents]: [Name, ProcessingEvents[Name]]
}[keyof ProcessingEvents]

/**
 * Creates a run over a fake source, which starts at once. Handler and options are those of `processStream`.
 */
export function startRun(
  handler: unknown,
  options: object = {},
  prepare: (source: FakeSource) => void = () => {},
): RunSubject {
  const clock = new ManualClock()
  const source = new FakeSource(clock)
  prepare(source)
  const work = checkHandler(handler)
  const run = new Run(source, work, checkProcessOptions(options, work) as CheckedOptions)
  run.result.catch(() => {})
  const events: RunEvent[] = []
  for (const name of processingEventNames) {
    run.events.on(name, (event) => events.push([name, event] as RunEvent))
  }
  void run.start()
  return {
    clock,
    source,
    run,
    events,
    eventsNamed: <Name extends keyof ProcessingEvents>(name: Name) =>
      events.flatMap(([other, event]) => (other === name ? [event as ProcessingEvents[Name]] : [])),
    settle: () => clock.advance(0),
    stop: async () => {
      void run.stop()
      return clock.run(run.result)
    },
  }
}

/** A handler whose calls end when the test says so. */
export interface ManualHandler {
  (record: StreamRecord, context: { readonly attempt: number; readonly signal: AbortSignal }): Promise<void>
  /** The numbers of the records of all calls so far. */
  readonly calls: readonly number[]
  readonly attempts: readonly number[]
  readonly signals: readonly AbortSignal[]
  /** Ends the oldest call of the record that is pending. */
  resolve(number: number): void
  reject(number: number, error?: unknown): void
}

export function manualHandler(): ManualHandler {
  const calls: number[] = []
  const attempts: number[] = []
  const signals: AbortSignal[] = []
  const pending: { readonly number: number; resolve(): void; reject(error: unknown): void }[] = []
  const take = (number: number) => {
    const index = pending.findIndex((call) => call.number === number)
    if (index === -1) throw new Error(`No call for record ${number} is pending.`)
    return pending.splice(index, 1)[0] as (typeof pending)[number]
  }
  const handler: unknown = Object.assign(
    (record: StreamRecord, context: { readonly attempt: number; readonly signal: AbortSignal }) => {
      const number = Number(record.sequenceNumber)
      calls.push(number)
      attempts.push(context.attempt)
      signals.push(context.signal)
      return new Promise<void>((resolve, reject) => pending.push({ number, resolve, reject }))
    },
    {
      calls,
      attempts,
      signals,
      resolve: (number: number) => take(number).resolve(),
      reject: (number: number, error: unknown = new Error('failed')) => take(number).reject(error),
    },
  )
  return handler as ManualHandler
}

/** A promise that a test settles. */
export function deferred(): {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: unknown): void
} {
  let resolve = () => {}
  let reject = (_: unknown) => {}
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve: () => resolve(), reject: (error) => reject(error) }
}
