import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { WorkerConfig, WorkerEvent } from './worker-log.ts'

/** A worker process and what it has logged. */
export interface FleetWorker {
  readonly child: ChildProcess
  readonly events: readonly WorkerEvent[]
  readonly exited: Promise<number | NodeJS.Signals | null>
  readonly errorOutput: () => string
}

/** Several workers, of which one is active. */
export class Fleet implements AsyncDisposable {
  readonly all: FleetWorker[] = []
  /** The last worker that has acquired the lease, and when, in ms of `performance.now()`. */
  active: { readonly worker: FleetWorker; readonly at: number } | undefined
  readonly #program: string
  readonly #config: WorkerConfig
  readonly #waiting = new Set<() => void>()

  constructor(program: string, config: WorkerConfig) {
    this.#program = program
    this.#config = config
  }

  start(): FleetWorker {
    const child = spawn(process.execPath, [this.#program, JSON.stringify(this.#config)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    })
    const events: WorkerEvent[] = []
    let errorOutput = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errorOutput += chunk
    })
    const exited = once(child, 'close').then(() => child.signalCode ?? child.exitCode)
    const worker = { child, events, exited, errorOutput: () => errorOutput }
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as WorkerEvent
      events.push(event)
      if ('active' in event) this.active = { worker, at: performance.now() }
      for (const check of [...this.#waiting]) check()
    })
    this.all.push(worker)
    return worker
  }

  /** Resolves when `isReached` returns true, which is checked after each event; rejects after a minute. */
  until(isReached: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Not reached: ${isReached}`)), 60_000)
      const check = () => {
        if (!isReached()) return
        this.#waiting.delete(check)
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** Resolves to how long after `since` another worker than `previous` was active, in ms. */
  async takeover(previous: FleetWorker, since: number): Promise<number> {
    await this.until(() => this.active !== undefined && this.active.worker !== previous)
    return (this.active?.at ?? 0) - since
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.all) child.kill('SIGKILL')
    await Promise.all(this.all.map(({ exited }) => exited))
  }
}
