import type { DeadLetter, ParkedKey, processStream } from '../../../src/index.ts'
import { RETENTION_MS } from '../retention.ts'
import { seeded } from '../seeded.ts'
import type { Process } from '../stream/process.ts'
import { Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { Auditor } from './auditor.ts'
import { createCheckpointStore } from './checkpoint-store.ts'
import { TASKS } from './handler.ts'
import { type Entry, isCovered, Ledger } from './ledger.ts'
import { createMoments, type Moments } from './moments.ts'
import { createParkingStore, type ModelParkingStore } from './parking-store.ts'
import type { Limits, Site } from './site.ts'
import { type Deed, keyName, type Mode, type ParkingSetup, type StoreName } from './steps.ts'
import { StoreCalls } from './store-calls.ts'
import { Worker } from './worker.ts'

/** How often guarantees are checked, in ms. */
const SLICE_MS = 2_000

/** How long it takes to start another process, in ms. */
const START_MS = 300

const PAUSE_MS = 3_000

/** How long a fault of a store can delay what follows, in ms: the delays between attempts. */
const FAULT_EFFECT_MS = 45_000

/** How long a record of a key that never fails may wait, in ms. */
const MAX_WAIT_MS = 40_000

/** The rounds in which everything may be finished, and their length: 15 minutes. */
const LAST_ROUNDS = 300
const LAST_ROUND_MS = 3_000

/** How long a request may take, in ms: it is read every 5 s. */
const MAX_REQUEST_MS = 12_000

/** A record that ends the process can do so before an attempt of it is saved. */
const UNCOUNTED_DEATHS = 4

export interface SupervisorOptions {
  readonly world: World
  readonly setup: ParkingSetup
  readonly startProcessing: typeof processStream
  readonly trace: (line: () => string) => void
}

/** Starts workers, one after the other or two at a time, and checks everything that they do. */
export class Supervisor {
  readonly moments: Moments
  readonly #options: SupervisorOptions
  readonly #site: Site
  readonly #ledger: Ledger
  readonly #auditor: Auditor
  readonly #parking: ModelParkingStore
  readonly #calls: Readonly<Record<StoreName, StoreCalls>>
  readonly #modes = new Map<string, Mode>()
  /** Keys whose handlers have failed. */
  readonly #unhealthy = new Set<string>()
  readonly #deaths = new Map<Entry, number>()
  readonly #workers: Worker[] = []
  #current: Worker | undefined
  /** With `followTable`, processes are started between two timers. */
  #waiting: Worker | undefined
  #firstViolation: unknown
  #isDown = false
  /** When requests were made, by their ids. */
  readonly #requestedAt = new Map<string, number>()
  /** Whether something was done to a worker, other than by what handlers do. */
  #hasInterfered = false

  constructor(options: SupervisorOptions) {
    const { world, setup, trace } = options
    this.#options = options
    this.moments = createMoments(trace)
    const { clock } = world
    const random = seeded(setup.seed)
    const latency = seeded(setup.seed + 1)
    const callsOf = (name: StoreName, maxMs: number) =>
      new StoreCalls({ name, clock, random: latency, maxMs, moments: this.moments, inFlight: setup.inFlight })
    this.#calls = {
      parking: callsOf('parking', setup.parkingMs),
      checkpoint: callsOf('checkpoint', setup.checkpointMs),
    }
    this.#ledger = new Ledger(world, setup.form.form === 'tasks' ? TASKS : [''])
    this.#parking = this.#createParking()
    const checkpoints = createCheckpointStore(this.#calls.checkpoint, {
      acquired: (process, token) => this.#workerOf(process)?.loaded(token),
      saving: (process, token) => this.#guard(() => this.#workerOf(process)?.oracle?.saving(token)),
      saved: () => this.#auditor.checkpointSaved(),
      lost: (process) => this.#workerOf(process)?.lostCheckpoint(),
    })
    this.#auditor = new Auditor({
      ledger: this.#ledger,
      now: () => this.#site.now(),
      token: () => checkpoints.token,
      parked: (keyHash) => this.#parking.keys.get(keyHash),
      report: (violation) => this.#report(violation),
    })
    this.#site = {
      world,
      setup,
      ledger: this.#ledger,
      auditor: this.#auditor,
      moments: this.moments,
      parking: this.#parking,
      checkpoints,
      limits: this.#limits(),
      random,
      handlerMs: () => Math.round(random() * setup.handlerMs),
      modeOf: ({ record }) => this.#modes.get(String(record.key.id)) ?? 'succeed',
      // The timers of a suspended process fire late.
      now: () => clock.monotonic() - world.suspendedMs,
      deliver: (process, letter) => this.#deliver(process, letter),
      succeeded: (entry, part) => void entry.done.add(part),
      died: (entry) => this.#died(entry),
      guard: (check) => this.#guard(check),
      trace,
    }
    this.#start()
  }

  // ---- Steps ----------------------------------------------------------------------------------------------

  set(key: number, mode: Mode): void {
    this.#modes.set(keyName(key), mode)
    if (mode !== 'succeed') this.#unhealthy.add(keyName(key))
  }

  /** An operator requests something for a key. */
  request(key: number, action: 'release' | 'drop'): void {
    const entry = this.#ledger.all.find(({ record }) => record.key.id === keyName(key))
    if (entry) this.#request(entry.keyHash, action)
  }

  /** Does something to the current worker. */
  do(deed: Deed): void {
    this.#hasInterfered = true
    const worker = this.#current
    if (deed === 'kill') this.#kill()
    else if (deed === 'takeOver') this.#start()
    else if (deed === 'pause') worker?.pause(PAUSE_MS)
    else worker?.stop(deed)
  }

  /** No process runs for this time. */
  async down(ms: number): Promise<void> {
    this.#hasInterfered = true
    this.#isDown = true
    for (const worker of this.#workers) this.#killWorker(worker)
    await this.#clock.advance(ms)
    if (ms > RETENTION_MS) this.trim()
    this.#isDown = false
    this.#start()
  }

  fault(store: StoreName): StoreCalls {
    this.#hasInterfered = true
    return this.#calls[store]
  }

  /** Trims what is older than 24 hours. Of that, what no store has is lost. */
  trim(): void {
    const { emulator } = this.#options.world
    emulator.trim({ before: emulator.now() - RETENTION_MS })
    const stores = this.#auditor.present()
    this.#ledger.noteTrimmed((entry) => {
      const isStored = this.#parking.keys.get(entry.keyHash)?.records.has(entry.position) === true
      return isStored || isCovered(entry, stores)
    })
  }

  /**
   * Replaces the stream by another one, once the checkpoint refers to it: a worker that does not know a
   * stream starts with the latest one.
   */
  reenable(): void {
    const { emulator } = this.#options.world
    if (this.#site.checkpoints.token?.streamArn !== emulator.streamArn) return
    emulator.disable()
    emulator.enable()
  }

  /** Lets time pass, and checks the guarantees. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left >= 0; ) {
      await this.#startWaiting()
      const slice = Math.min(left, this.#sliceMs)
      await this.#clock.advance(slice)
      this.check()
      left -= Math.max(1, slice)
    }
  }

  /** With `followTable`, processes are started between two timers. */
  get #sliceMs(): number {
    if (!this.#options.setup.followTable) return SLICE_MS
    return Math.min(SLICE_MS, Math.max(1, this.#clock.untilNextTimer ?? SLICE_MS))
  }

  check(): void {
    if (this.#firstViolation !== undefined) throw this.#firstViolation
    for (const worker of this.#workers) worker.check(false)
    this.#expectIsolation()
    this.#expectRequests()
    if (this.#firstViolation !== undefined) throw this.#firstViolation
  }

  // ---- The end --------------------------------------------------------------------------------------------

  /** Once all faults are lifted, processes everything, returns all keys, and stops. */
  async finish(): Promise<void> {
    for (const calls of Object.values(this.#calls)) calls.clearFaults()
    this.#modes.clear()
    this.moments.at(Number.POSITIVE_INFINITY, () => {})
    for (let round = 0; !this.#isFinished(); round++) {
      if (round === LAST_ROUNDS) throw this.#incomplete()
      for (const { key, records, request } of this.#parking.keys.values()) {
        if (key.state === 'parked' && request === undefined) this.#request(key.keyHash, 'release')
        else if (round > 1 && records.size === 0) this.#writeRecord(key, round)
      }
      await this.pass(LAST_ROUND_MS)
    }
    this.#current?.check(true)
    for (const worker of this.#workers) if (worker !== this.#current) this.#killWorker(worker)
    this.#isDown = true
    this.#current?.stop('restart')
    while (this.#current?.isOver === false) await this.pass(2_000)
  }

  /** A key that has to wait for minutes returns earlier if a record of it arrives. */
  #writeRecord({ key }: ParkedKey, round: number): void {
    const { world, setup } = this.#options
    const { id } = JSON.parse(key)
    if (setup.seed % 5 !== 0) world.emulator.put({ id: id.S, round })
  }

  #isFinished(): boolean {
    const isRunning = this.#current?.activeSince !== undefined || this.#options.world.ending !== undefined
    return isRunning && this.#parking.keys.size === 0 && this.#auditor.unfinished().length === 0
  }

  #incomplete(): Violation {
    const names = this.#auditor.unfinished().map(({ name }) => name)
    const keys = [...this.#parking.keys.values()].map(({ key }) => `${key.key} ${key.state}`)
    return new Violation('complete', `never settled: ${names.slice(0, 10)}; still parked: ${keys}`)
  }

  // ---- Workers --------------------------------------------------------------------------------------------

  #start(): void {
    if (this.#isDown) return
    const { startProcessing } = this.#options
    if (this.#current) this.#current.isReplaced = true
    const worker = new Worker(this.#site, startProcessing, {
      ended: (ended) => {
        if (ended === this.#current) this.#startSoon()
      },
    })
    this.#current = worker
    this.#workers.push(worker)
    if (this.#options.setup.followTable) this.#waiting = worker
    else void worker.start()
  }

  /** Starts the process that waits to be started. No time passes while it imports modules. */
  async #startWaiting(): Promise<void> {
    const worker = this.#waiting
    this.#waiting = undefined
    await worker?.start()
  }

  #startSoon(): void {
    const ended = this.#current
    this.#clock.setTimer(START_MS, () => {
      if (this.#current === ended) this.#start()
    })
  }

  #kill(): void {
    if (this.#current === undefined || this.#current.isOver) return
    this.#killWorker(this.#current)
    this.#startSoon()
  }

  #killWorker(worker: Worker): void {
    if (worker.process.isAlive) this.#guard(() => worker.checkSaves())
    worker.kill()
  }

  /** A record that ends the process each time parks its key at some time. */
  #died(entry: Entry): void {
    const deaths = (this.#deaths.get(entry) ?? 0) + 1
    this.#deaths.set(entry, deaths)
    const { attempts } = this.#options.setup.after
    const most = (attempts ?? this.#options.setup.maxAttempts) + UNCOUNTED_DEATHS
    if (deaths > most && !this.#hasInterfered) {
      this.#report(new Violation('attempts', `${entry.name} has ended the process ${deaths} times`))
    }
    this.#kill()
  }

  #workerOf(process: Process): Worker | undefined {
    return this.#workers.find((worker) => worker.process === process)
  }

  // ---- Stores ---------------------------------------------------------------------------------------------

  #createParking(): ModelParkingStore {
    return createParkingStore(this.#calls.parking, {
      saved: (before, update, after) => {
        this.#options.trace(() => `    save ${describeUpdate(update)}`)
        this.#auditor.parkingSaved(before, update, after)
      },
      removed: (before) => {
        this.#options.trace(() => `    remove ${before.key.key}`)
        this.#auditor.removed(before)
      },
      completed: (request) => this.#auditor.completed(request),
      violated: (violation) => this.#report(violation),
    })
  }

  #request(keyHash: string, action: 'release' | 'drop'): void {
    const stored = this.#parking.request(keyHash, action)
    if (stored === undefined) return
    this.#options.trace(() => `    request a ${action} of ${stored.key.key}`)
    for (const entry of this.#ledger.ofKey(keyHash)) this.#deaths.delete(entry)
    const request = this.#parking.keys.get(keyHash)?.request
    if (request === undefined) return
    this.#requestedAt.set(request.id, this.#site.now())
    this.#auditor.requested(stored, action, request.id)
  }

  async #deliver(process: Process, letter: DeadLetter): Promise<void> {
    const { setup } = this.#options
    const ms = Math.round(this.#site.random() * setup.sendMs)
    if (ms > 0) await new Promise<void>((resolve) => void process.clock.setTimer(ms, resolve))
    if (!process.isAlive) await new Promise(() => {})
    const [record] = letter.records
    if (record) this.#ledger.find(record.eventId).done.add(letter.failure.task ?? '')
  }

  // ---- Checks ---------------------------------------------------------------------------------------------

  #limits(): Limits {
    const { setup, world } = this.#options
    const { attempts } = setup.after
    const areFaulty = () => {
      const since = this.#clock.monotonic() - FAULT_EFFECT_MS
      const suspendedUntil = world.suspensions.at(-1)?.until ?? 0
      const wasSuspended = world.emulator.now() - suspendedUntil < FAULT_EFFECT_MS
      return wasSuspended || Object.values(this.#calls).some(({ lastFaultAt }) => lastFaultAt > since)
    }
    return {
      checkpointMs: setup.checkpoint.everyMs + 4 * setup.checkpointMs + 1_000,
      parkingMs: 1_000 + 12 * setup.parkingMs + 1_000,
      stopMs: () => (areFaulty() ? 90_000 : 40_000),
      areFaulty,
      // In a batch, a dead letter delays the parking. A crash can hide that an attempt was the last one.
      maxAttempts: () => (setup.form.form === 'batch' || this.#hasInterfered ? undefined : attempts),
    }
  }

  /** Records of keys that never fail are processed at once, whatever happens to others. */
  #expectIsolation(): void {
    const { world, setup } = this.#options
    const since = this.#current?.activeSince
    if (since === undefined || !world.isPlain || setup.maxUnsettled < 1_000) return
    const now = this.#site.now()
    const { oracle } = this.#current as Worker
    const busyMs = (setup.handlerMs * this.#ledger.all.length) / setup.concurrency
    for (const entry of this.#ledger.all) {
      if (this.#unhealthy.has(String(entry.record.key.id)) || this.#ledger.hasFate(entry)) continue
      const waitedMs = Math.min(now - since, world.emulator.now() - entry.record.writtenAt)
      if (waitedMs > MAX_WAIT_MS + busyMs && oracle?.hasAttempted(entry) !== true) {
        throw new Violation('isolated failures', `${entry.name} has waited for ${waitedMs} ms`)
      }
    }
  }

  /** Requests are carried out soon, however busy other keys are. */
  #expectRequests(): void {
    const since = this.#current?.activeSince
    if (since === undefined || this.#site.limits.areFaulty()) return
    const now = this.#site.now()
    for (const { key, request } of this.#parking.keys.values()) {
      const waitedMs = Math.min(now - since, now - (this.#requestedAt.get(request?.id ?? '') ?? now))
      if (waitedMs > MAX_REQUEST_MS) {
        throw new Violation(
          'never stuck',
          `a ${request?.action} of ${key.key} was not done in ${waitedMs} ms`,
        )
      }
    }
  }

  get #clock() {
    return this.#options.world.clock
  }

  #guard(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#report(error)
    }
  }

  #report(violation: unknown): void {
    this.#firstViolation ??= violation
  }
}

function describeUpdate({ key, added }: { readonly key: object; readonly added: readonly object[] }): string {
  const { key: name, state, records, last, finished, progress } = key as Record<string, unknown>
  return `${name} ${state}, ${records} records to ${last}, finished ${finished}, ${added.length} added, ${JSON.stringify(progress)}`
}
