import { setTimeout as wait } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams'
import { fileCheckpointStore } from '../../checkpoints/file.ts'
import { parseToken } from '../../position/parse-token.ts'
import type { StreamToken } from '../../position/token.ts'
import type { ParentOf } from '../../position/token-coverage.ts'
import { findStream } from '../connection.ts'
import { CliError, exitCodes } from '../errors.ts'
import { listShards } from '../list-shards.ts'
import { clientSettings, type DemoTable } from './demo-table.ts'
import { Orders } from './orders.ts'
import { Progress } from './progress.ts'
import { KILL_AFTER_RECORDS, type Step, WRITES_PER_SECOND } from './script.ts'
import type { Evidence } from './verify.ts'
import { type DemoState, formatElapsed } from './view.ts'
import { checkpointName, startWorker, type WorkerProcess } from './worker-process.ts'

/** The limit of BatchWriteItem. */
const MAX_CHANGES_PER_WRITE = 25
const WRITE_EVERY_MS = 20

/** How long the worker may take to stop after SIGTERM, in ms. */
const STOP_TIMEOUT_MS = 5_000

/** A run of the demo: writes to the table, and starts and kills the worker. */
export class DemoRun implements AsyncDisposable {
  readonly #table: DemoTable
  readonly #folder: string
  readonly #log: (text: string) => void
  readonly #orders = new Orders(Math.random)
  readonly #progress = new Progress()
  readonly #checkpoints: (StreamToken | undefined)[] = []
  readonly #stopWriting = new AbortController()
  readonly #startedAt: number = performance.now()
  readonly #samples: { at: number; written: number; delivered: number }[] = []
  #writing: Promise<void> = Promise.resolve()
  #worker: WorkerProcess | undefined
  #runs = 0
  /** Whether the current worker has sent a message. */
  #isWorkerReading = false
  /** Distinct records that were processed before the current worker was started. */
  #deliveredBefore = 0
  #failure: unknown

  /**
   * @param folder - where the worker stores its checkpoint.
   * @param log - prints a permanent line.
   */
  constructor(table: DemoTable, folder: string, log: (text: string) => void) {
    this.#table = table
    this.#folder = folder
    this.#log = log
  }

  start(): void {
    this.#startWorker()
    this.#writing = this.#writeOrders().catch((error) => this.#fail(error))
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** Whether writing has stopped and every record has been processed. */
  get isComplete(): boolean {
    return this.#stopWriting.signal.aborted && this.#progress.delivered >= this.#orders.written
  }

  /** Whether the worker has processed enough records since it was started, and saved some of them. */
  get isWorthKilling(): boolean {
    const { delivered, saved } = this.#progress
    return saved > this.#deliveredBefore && delivered - this.#deliveredBefore >= KILL_AFTER_RECORDS
  }

  async perform(step: Step): Promise<void> {
    switch (step.step) {
      case 'disturb': {
        const description = this.#table.disturb(step.disturbance)
        if (description !== undefined) this.#logEvent(description)
        return
      }
      case 'kill':
        return this.#killWorker()
      case 'resume':
        this.#startWorker()
        this.#logEvent(`the worker was restarted from its checkpoint: process ${this.#worker?.pid}`)
        return
      case 'stop-writing':
        this.#stopWriting.abort()
        await this.#writing
        this.#logEvent(`writing stopped after ${this.#orders.written} records`)
    }
  }

  /**
   * Returns the current state, with rates over the last second. Throws if writing or the worker has failed.
   */
  sampleState(): DemoState {
    if (this.#failure !== undefined) throw this.#failure
    const { written } = this.#orders
    const { delivered, saved, shards, backlog } = this.#progress
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
      behind: backlog.records,
      behindMs: backlog.since === undefined ? 0 : now - backlog.since,
      saved,
      worker: this.#describeWorker(),
      shards,
    }
  }

  #describeWorker(): string {
    if (this.#worker === undefined) return 'killed'
    const state = this.#isWorkerReading ? 'running' : 'starting'
    return `${state}, process ${this.#worker.pid}, run ${this.#runs}`
  }

  /** Stops the worker gracefully, and returns what happened. */
  async finish(): Promise<Evidence> {
    const worker = this.#worker
    this.#worker = undefined
    worker?.kill('SIGTERM')
    const isOverdue = await Promise.race([
      worker?.exited.then(() => false),
      wait(STOP_TIMEOUT_MS, true, { ref: false }),
    ])
    if (isOverdue) worker?.kill('SIGKILL')
    await worker?.exited
    this.#checkpoints.push(await this.#readCheckpoint())
    return {
      writes: this.#orders.writes,
      deliveries: this.#progress.deliveries,
      checkpoints: this.#checkpoints,
      parentOf: await this.#listParents(),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWriting.abort()
    const worker = this.#worker
    this.#worker = undefined
    worker?.kill('SIGKILL')
    await worker?.exited
    await this.#writing
  }

  async #writeOrders(): Promise<void> {
    const { signal } = this.#stopWriting
    while (!signal.aborted) {
      const due = Math.floor((this.elapsedMs / 1_000) * WRITES_PER_SECOND) - this.#orders.written
      if (due > 0) {
        const changes = this.#orders.next(Math.min(due, MAX_CHANGES_PER_WRITE))
        await this.#table.write(changes)
        this.#orders.onWritten(changes)
        this.#progress.onWritten(changes, this.elapsedMs)
      }
      await wait(due > MAX_CHANGES_PER_WRITE ? 0 : WRITE_EVERY_MS)
    }
  }

  #startWorker(): void {
    const run = ++this.#runs
    this.#deliveredBefore = this.#progress.delivered
    const { endpoint, tableName } = this.#table
    this.#isWorkerReading = false
    const worker = startWorker({ endpoint, tableName, folder: this.#folder }, (message) => {
      this.#isWorkerReading = true
      this.#progress.onMessage(run, message)
    })
    this.#worker = worker
    worker.exited.then(
      ({ code, signal, errors }) => {
        if (this.#worker !== worker) return
        const reason = errors.trim().split('\n').at(-1) ?? ''
        const message = `The worker exited with ${signal ?? code}: ${reason}`
        this.#fail(new CliError('demo-worker', message, exitCodes.failed))
      },
      (error) => this.#fail(error),
    )
  }

  async #killWorker(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    worker?.kill('SIGKILL')
    await worker?.exited
    this.#progress.onWorkerExit()
    const checkpoint = await this.#readCheckpoint()
    this.#checkpoints.push(checkpoint)
    if (checkpoint) this.#progress.onCheckpoint(checkpoint)
    const { delivered, saved } = this.#progress
    this.#logEvent(
      `the worker was killed with SIGKILL: ${delivered} records processed, ` +
        `${saved} of them covered by a checkpoint`,
    )
  }

  async #readCheckpoint(): Promise<StreamToken | undefined> {
    const saved = await fileCheckpointStore(this.#folder).load(checkpointName)
    return saved === undefined ? undefined : parseToken(saved)
  }

  async #listParents(): Promise<ParentOf> {
    const settings = { endpoint: this.#table.endpoint, ...clientSettings }
    const client = new DynamoDBStreamsClient(settings)
    const tableClient = new DynamoDBClient(settings)
    try {
      const signal = AbortSignal.timeout(STOP_TIMEOUT_MS)
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

  #logEvent(text: string): void {
    this.#log(`${formatElapsed(this.elapsedMs)}  ${text}`)
  }
}
