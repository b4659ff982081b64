import { setTimeout as wait } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { fileCheckpointStore } from '../../checkpoints/file.ts'
import { parseToken } from '../../position/parse-token.ts'
import type { StreamToken } from '../../position/token.ts'
import type { ParentOf } from '../../position/token-coverage.ts'
import { CliError } from '../cli-error.ts'
import { exitCodes } from '../exit-codes.ts'
import { findStream } from '../find-stream.ts'
import { listShards } from '../list-shards.ts'
import type { DemoTable } from './demo-table.ts'
import { dummySettings } from './dummy-settings.ts'
import type { Evidence } from './evidence.ts'
import { Orders } from './orders.ts'
import { checkpointName } from './reports.ts'
import { KILL_AFTER_RECORDS, type Step, WRITES_PER_SECOND } from './script.ts'
import { Tally } from './tally.ts'
import type { DemoState } from './view.ts'
import { startWorker, type WorkerProcess } from './worker-process.ts'

/** Changes in one call of the table: BatchWriteItem takes 25. */
const CHANGES_PER_WRITE = 25
const WRITE_EVERY_MS = 20

/** How long the worker may take to stop when it is asked to, in ms. */
const STOP_MS = 5_000

/** The table under writes and the worker on its stream, from the first write to the evidence. */
export class DemoRun implements AsyncDisposable {
  readonly #table: DemoTable
  readonly #folder: string
  readonly #say: (text: string) => void
  readonly #orders = new Orders(Math.random)
  readonly #tally = new Tally()
  readonly #checkpoints: (StreamToken | undefined)[] = []
  readonly #stopWriting = new AbortController()
  readonly #startedAt: number = performance.now()
  readonly #samples: { at: number; written: number; delivered: number }[] = []
  #writing: Promise<void> = Promise.resolve()
  #worker: WorkerProcess | undefined
  #runs = 0
  /** Different records that were processed when the worker was started last. */
  #deliveredBefore = 0
  #failure: unknown

  /** @param say shows a line that stays */
  constructor(table: DemoTable, folder: string, say: (text: string) => void) {
    this.#table = table
    this.#folder = folder
    this.#say = say
  }

  start(): void {
    this.#startWorker()
    this.#writing = this.#write().catch((error) => this.#fail(error))
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** Whether the last write is done, and all that was written was processed. */
  get isComplete(): boolean {
    return this.#stopWriting.signal.aborted && this.#tally.delivered >= this.#orders.written
  }

  /** Whether the worker has done enough since it was started, and saved some of it. */
  get isWorthKilling(): boolean {
    const { delivered, saved } = this.#tally
    return saved > this.#deliveredBefore && delivered - this.#deliveredBefore >= KILL_AFTER_RECORDS
  }

  async perform(step: Step): Promise<void> {
    switch (step.step) {
      case 'disturb': {
        const what = this.#table.disturb(step.what)
        if (what !== undefined) this.#tell(what)
        return
      }
      case 'kill':
        return this.#killWorker()
      case 'resume':
        this.#startWorker()
        this.#tell(`the worker was started again: process ${this.#worker?.pid}, from its checkpoint`)
        return
      case 'stop-writing':
        this.#stopWriting.abort()
        await this.#writing
        this.#tell(`${this.#orders.written} records are written, and no more`)
    }
  }

  /** How it stands. Rejects what went wrong meanwhile. */
  state(): DemoState {
    if (this.#failure !== undefined) throw this.#failure
    const { written } = this.#orders
    const { delivered, saved, shards, lagMs } = this.#tally
    const now = this.elapsedMs
    this.#samples.push({ at: now, written, delivered })
    while (this.#samples.length > 2 && (this.#samples[0]?.at ?? now) < now - 1_000) this.#samples.shift()
    const [oldest = { at: 0, written: 0, delivered: 0 }] = this.#samples
    const perSecond = (count: number) => Math.round((count * 1_000) / Math.max(100, now - oldest.at))
    return {
      elapsedMs: now,
      written,
      delivered,
      writtenPerSecond: perSecond(written - oldest.written),
      deliveredPerSecond: perSecond(delivered - oldest.delivered),
      lagMs: this.#table.tellsSeconds ? lagMs : undefined,
      saved,
      worker: this.#worker ? `running, process ${this.#worker.pid}, start ${this.#runs}` : 'killed',
      shards,
    }
  }

  /** Stops the worker as one stops a service, and hands over what was seen. */
  async finish(): Promise<Evidence> {
    const worker = this.#worker
    this.#worker = undefined
    worker?.kill('SIGTERM')
    const isLate = await Promise.race([worker?.gone.then(() => false), wait(STOP_MS, true, { ref: false })])
    if (isLate) worker?.kill('SIGKILL')
    await worker?.gone
    this.#checkpoints.push(await this.#readCheckpoint())
    return {
      writes: this.#orders.writes,
      deliveries: this.#tally.deliveries,
      checkpoints: this.#checkpoints,
      parentOf: await this.#listParents(),
    }
  }

  /** Leaves nothing running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWriting.abort()
    const worker = this.#worker
    this.#worker = undefined
    worker?.kill('SIGKILL')
    await worker?.gone
    await this.#writing
  }

  async #write(): Promise<void> {
    const { signal } = this.#stopWriting
    while (!signal.aborted) {
      const due = Math.floor((this.elapsedMs / 1_000) * WRITES_PER_SECOND) - this.#orders.written
      if (due > 0) {
        const changes = this.#orders.next(Math.min(due, CHANGES_PER_WRITE))
        await this.#table.write(changes)
        this.#orders.done(changes)
      }
      await wait(due > CHANGES_PER_WRITE ? 0 : WRITE_EVERY_MS)
    }
  }

  #startWorker(): void {
    const run = ++this.#runs
    this.#deliveredBefore = this.#tally.delivered
    const { endpoint, tableName } = this.#table
    const worker = startWorker({ endpoint, tableName, folder: this.#folder }, (report) =>
      this.#tally.take(run, report),
    )
    this.#worker = worker
    worker.gone.then(
      ({ code, signal, errors }) => {
        if (this.#worker !== worker) return
        const why = errors.trim().split('\n').at(-1) ?? ''
        this.#fail(
          new CliError('demo-worker', `The worker ended with ${signal ?? code}: ${why}`, exitCodes.failed),
        )
      },
      (error) => this.#fail(error),
    )
  }

  async #killWorker(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    worker?.kill('SIGKILL')
    await worker?.gone
    this.#tally.workerGone()
    this.#checkpoints.push(await this.#readCheckpoint())
    const { delivered, saved } = this.#tally
    this.#tell(`the worker was killed (SIGKILL) with ${delivered} records processed, ${saved} of them saved`)
  }

  async #readCheckpoint(): Promise<StreamToken | undefined> {
    const saved = await fileCheckpointStore(this.#folder).load(checkpointName)
    return saved === undefined ? undefined : parseToken(saved)
  }

  async #listParents(): Promise<ParentOf> {
    const settings = { endpoint: this.#table.endpoint, ...dummySettings }
    const client = new DynamoDBStreamsClient(settings)
    const tableClient = new DynamoDBClient(settings)
    try {
      const signal = AbortSignal.timeout(STOP_MS)
      const streamArn = await findStream(tableClient, this.#table.tableName, signal, () => {})
      const { shards } = await listShards(client, streamArn, signal, () => {})
      const parents = new Map(shards.map(({ shardId, parentShardId }) => [shardId, parentShardId]))
      return (shardId) => parents.get(shardId)
    } finally {
      client.destroy()
      tableClient.destroy()
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error
  }

  #tell(text: string): void {
    this.#say(`${(this.elapsedMs / 1_000).toFixed(1).padStart(5)} s  ${text}`)
  }
}
