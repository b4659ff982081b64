import {
  type DynamoDBStream,
  isStreamError,
  openStream,
  type ProcessingRun,
  type ProcessOptions,
  type processStream,
  type StreamToken,
} from '../../../src/index.ts'
import { type Process, startProcess } from '../stream/process.ts'
import { Violation } from '../violation.ts'
import { createHandler, OutageError } from './handler.ts'
import { isCovered } from './ledger.ts'
import type { ParkingClient } from './parking-store.ts'
import { RunOracle } from './run-oracle.ts'
import type { Site } from './site.ts'

/** What follows when a run has ended. */
export type Next = 'restart' | 'rerun' | 'nothing'

export interface WorkerListener {
  /** The worker has ended: its run has failed, or was stopped. */
  ended(worker: Worker): void
}

/** A process that processes the stream, with one run after the other. */
export class Worker {
  readonly process: Process
  readonly #site: Site
  readonly #startProcessing: typeof processStream
  readonly #listener: WorkerListener
  #stream: DynamoDBStream | undefined
  #run: ProcessingRun | undefined
  #oracle: RunOracle | undefined
  #loaded: StreamToken | undefined
  #next: Next = 'nothing'
  #isOver = false
  /** When the run was started, or requested to stop, on the monotonic clock. */
  #startedAt: number
  #stoppedAt: number | undefined
  /** Whether another worker was started after this one. */
  isReplaced = false

  constructor(site: Site, startProcessing: typeof processStream, listener: WorkerListener) {
    this.#site = site
    this.#startProcessing = startProcessing
    this.#listener = listener
    this.process = startProcess(site.world)
    this.#startedAt = site.now()
  }

  /** Resolves when it has made its first call: it may import a module before, which takes real time. */
  async start(): Promise<void> {
    this.#site.trace(() => '    a process starts')
    await Promise.race([this.process.firstUse, this.#open()])
  }

  get oracle(): RunOracle | undefined {
    return this.#oracle
  }

  get isOver(): boolean {
    return this.#isOver || !this.process.isAlive
  }

  /** Since when it could have processed records, on the monotonic clock; undefined if it cannot. */
  get activeSince(): number | undefined {
    return this.#oracle === undefined || this.#oracle.isHalted || this.#oracle.isPaused
      ? undefined
      : this.#startedAt
  }

  // ---- What is done to it ---------------------------------------------------------------------------------

  kill(): void {
    if (!this.process.isAlive) return
    this.#site.trace(() => '    the process dies')
    this.process.die()
  }

  stop(next: Next): void {
    if (this.isOver || this.#stoppedAt !== undefined) return
    this.#next = next
    this.#stoppedAt = this.#site.now()
    this.#oracle?.halted('stops')
    this.#site.trace(() => `    stop, then ${next}`)
    // Before the stream is open, there is no run to stop.
    if (this.#run) void this.#run.stop().catch(() => {})
  }

  pause(ms: number): void {
    const [run, oracle] = [this.#run, this.#oracle]
    if (!run || !oracle || this.isOver) return
    run.pause()
    oracle.paused(true)
    this.#site.trace(() => `    pause for ${ms} ms`)
    this.process.clock.setTimer(ms, () => {
      oracle.paused(false)
      this.#startedAt = this.#site.now()
      run.resume()
    })
  }

  // ---- What the stores report -----------------------------------------------------------------------------

  loaded(token: StreamToken | undefined): void {
    this.#loaded = token
  }

  /** A response shows that it has lost the checkpoint. */
  lostCheckpoint(): void {
    if (this.#oracle) this.#lostLease(this.#oracle)
  }

  #lostLease(oracle: RunOracle): void {
    this.#site.world.clock.setTimer(0, () => oracle.halted('fenced'))
  }

  // ---- Checks ---------------------------------------------------------------------------------------------

  check(isAllSettled: boolean): void {
    const { now, limits } = this.#site
    if (this.isOver) return
    if (this.#stoppedAt !== undefined && now() - this.#stoppedAt > limits.stopMs()) {
      throw new Violation('never stuck', `the run has not ended ${now() - this.#stoppedAt} ms after stop()`)
    }
    if (this.#run && this.#oracle) this.#oracle.expectCounters(this.#run.counters, isAllSettled)
    this.checkSaves()
  }

  /** Checks that the stores cover what was done some time ago. */
  checkSaves(): void {
    const { limits, auditor } = this.#site
    const { checkpointMs, parkingMs } = limits
    if (this.isReplaced || this.#oracle === undefined) return
    if (limits.areFaulty()) this.#oracle.excuseDelays()
    else this.#oracle.expectTimely(auditor.present(), checkpointMs, parkingMs)
  }

  // ---- Life cycle -----------------------------------------------------------------------------------------

  async #open(): Promise<void> {
    const { world, setup, checkpoints, random } = this.#site
    const { process } = this
    const { emulator } = world
    const source = setup.followTable
      ? { tableName: emulator.tableName, tableClient: process.tableClient, followTable: true as const }
      : { streamArn: emulator.streamArn }
    try {
      this.#stream = await openStream({
        ...setup.reader,
        ...source,
        client: process.client,
        clock: process.clock,
        random,
        startAt: 'trim_horizon',
        connectTimeoutMs: 0,
        checkpoint: { ...setup.checkpoint, name: 'model', store: checkpoints.open(process) },
      })
      if (!process.isAlive) return
      if (this.#stoppedAt === undefined) this.#start(this.#loaded)
      else this.#end()
    } catch (error) {
      if (!process.isAlive) return
      this.#expectExplained(error)
      this.#end()
    }
  }

  #start(token: StreamToken | undefined): void {
    const { site, process } = this.#parts
    const { ledger, parking } = site
    const stream = this.#stream as DynamoDBStream
    const oracle = new RunOracle({
      ledger,
      token,
      now: site.now,
      isParked: ({ keyHash, position }) => {
        const stored = parking.keys.get(keyHash)
        return stored?.key.state === 'parked' && stored.records.has(position) && stored.request === undefined
      },
      isStored: ({ keyHash, position }) => parking.keys.get(keyHash)?.records.has(position) === true,
      isHolder: () => parking.holder === process,
      maxAttempts: site.limits.maxAttempts(),
    })
    this.#oracle = oracle
    this.#startedAt = site.now()
    this.#stoppedAt = undefined
    this.#next = 'nothing'
    const handler = createHandler({
      form: site.setup.form,
      process,
      oracle,
      find: ({ eventId }) => ledger.find(eventId),
      modeOf: site.modeOf,
      nextMs: site.handlerMs,
      guard: site.guard,
      reach: (moment) => site.moments.reach(moment),
      die: (entry) => site.died(entry),
      succeeded: site.succeeded,
      trace: site.trace,
    })
    const run = this.#startProcessing(stream, handler, this.#options(oracle))
    this.#run = run
    for (const name of ['parked', 'released', 'dropped', 'returned'] as const) {
      run.on(name, (event) => {
        if (process.isAlive) site.trace(() => `    ${name} ${JSON.stringify(event)}`)
      })
    }
    run.then(
      () => this.#ended(oracle, undefined),
      (error: unknown) => this.#ended(oracle, error),
    )
  }

  #options(oracle: RunOracle): ProcessOptions {
    const { site, process } = this.#parts
    const { setup, parking, random, guard } = site
    return {
      clock: process.clock,
      random,
      concurrency: setup.concurrency,
      maxUnsettled: setup.maxUnsettled,
      retry: {
        maxAttempts: setup.maxAttempts,
        minDelayMs: Math.min(100, setup.maxDelayMs),
        maxDelayMs: setup.maxDelayMs,
        classify: (error) => (error instanceof OutageError ? 'wait' : 'retry'),
      },
      onFailure: async (letter) => {
        await site.deliver(process, letter)
        const [record] = letter.records
        if (process.isAlive && record) oracle.deadLettered(site.ledger.find(record.eventId))
      },
      filter: () => {
        if (process.isAlive) guard(() => oracle.delivered())
        return true
      },
      parking: { store: parking.open(this.#client(oracle)), after: setup.after },
    }
  }

  #client(oracle: RunOracle): ParkingClient {
    const { site, process } = this.#parts
    return {
      process,
      acquired: (keys) => oracle.acquired(keys),
      saved: (updates) => {
        for (const { key, added } of updates) {
          const positions = new Set(added.map(({ position }) => position))
          oracle.parked(site.ledger.ofKey(key.keyHash).filter(({ position }) => positions.has(position)))
        }
      },
      lost: () => this.#lostLease(oracle),
    }
  }

  #ended(oracle: RunOracle, error: unknown): void {
    if (!this.process.isAlive || this.#oracle !== oracle) return
    this.#site.trace(() => `    the run has ended${error === undefined ? '' : `: ${String(error)}`}`)
    if (error !== undefined) this.#expectExplained(error)
    else if (this.#stoppedAt === undefined) this.#site.guard(() => this.#expectEnd())
    oracle.halted('stops')
    this.checkSavesAtEnd(error)
    if (this.#next === 'rerun' && error === undefined) {
      this.#start((this.#stream as DynamoDBStream).token)
    } else this.#end()
  }

  /** A run ends by itself when its stream has ended, and nothing is being released. */
  #expectEnd(): void {
    const { world, auditor, parking } = this.#site
    if (world.ending === undefined) throw new Violation('ends', 'the run has ended by itself')
    // A worker that was replaced does not know what the other one does.
    if (parking.holder !== this.process) return
    const stores = auditor.present()
    for (const entry of this.#site.ledger.all) {
      const stored = parking.keys.get(entry.keyHash)
      const isWaiting = stored?.key.state === 'parked' && stored.records.has(entry.position)
      if (isWaiting || isCovered(entry, stores)) continue
      throw new Violation('ends', `the run has ended before ${entry.name} was settled`)
    }
  }

  /** What is done is saved when a run ends without an error. */
  checkSavesAtEnd(error: unknown): void {
    const { limits, auditor, guard } = this.#site
    if (error !== undefined || limits.areFaulty()) return
    guard(() => this.#oracle?.expectTimely(auditor.present(), -1, -1))
  }

  /** The stream is closed, and the process ends. */
  #end(): void {
    this.#isOver = true
    const stream = this.#stream
    const exit = () => {
      this.process.die()
      this.#listener.ended(this)
    }
    if (stream === undefined) exit()
    else {
      stream.close().then(exit, (error: unknown) => {
        if (this.process.isAlive) this.#expectExplained(error)
        exit()
      })
    }
  }

  /** Reports a violation unless the history explains the error. */
  #expectExplained(error: unknown): void {
    const { limits, guard, parking, checkpoints } = this.#site
    const isFenced = parking.holder !== this.process || checkpoints.holder !== this.process
    if (isStreamError(error, 'checkpoint.conflict') && isFenced) return
    if (isStoreError(error) && limits.areFaulty()) return
    guard(() => {
      throw new Violation('no unexpected error', String(error), error)
    })
  }

  get #parts(): { readonly site: Site; readonly process: Process } {
    return { site: this.#site, process: this.process }
  }
}

function isStoreError(error: unknown): boolean {
  if (isStreamError(error, 'parking.failed')) return error.details.operation === 'acquire'
  return isStreamError(error, 'checkpoint.failed')
}
