import type { ManualClock } from '../../../src/testing/index.ts'
import type { Process } from '../stream/process.ts'
import type { Moments } from './moments.ts'
import type { StoreFault, StoreName } from './steps.ts'

export interface StoreCallsOptions {
  readonly name: StoreName
  readonly clock: ManualClock
  readonly random: () => number
  /** The longest time that a request or a response usually takes, in ms. */
  readonly maxMs: number
  readonly moments: Moments
  /** Whether calls that are in flight when a process dies take effect. */
  readonly inFlight: 'written' | 'lost'
}

/** The calls of a store: how long they take, and how they fail. */
export class StoreCalls {
  readonly #options: StoreCallsOptions
  readonly #faults: StoreFault[] = []
  #downUntil = Number.NEGATIVE_INFINITY
  #lastFaultAt = Number.NEGATIVE_INFINITY
  /** An effect of a failed call that has not happened yet. */
  #late: (() => void) | undefined

  constructor(options: StoreCallsOptions) {
    this.#options = options
  }

  /** When a call last failed or was slow, on the monotonic clock. */
  get lastFaultAt(): number {
    return this.#lastFaultAt
  }

  add(fault: StoreFault): void {
    this.#faults.push(fault)
  }

  /** All calls fail for this time. */
  goDown(ms: number): void {
    this.#downUntil = this.#options.clock.monotonic() + ms
  }

  clearFaults(): void {
    this.#faults.length = 0
    this.#downUntil = Number.NEGATIVE_INFINITY
  }

  /**
   * Makes a call for a process. After the process has died, it never settles.
   *
   * @param isQuiet - whether the call is so common that it is not a moment of its own.
   * @param effect - what the call does, at once. If it throws, the call rejects.
   */
  call<T>(process: Process, what: string, effect: () => T, isQuiet = false): Promise<T> {
    const { moments, name, clock } = this.#options
    const reach = (how: string) => {
      if (process.isAlive && !isQuiet) moments.reach(`${name}.${what} ${how}`)
    }
    reach('is called')
    const result = process.whileAlive(() => this.#make(process, effect, () => reach('has taken effect')))
    const answered = () => void clock.setTimer(0, () => reach('has been answered'))
    result.then(answered, answered)
    return result
  }

  async #make<T>(process: Process, effect: () => T, reach: () => void): Promise<T> {
    const { inFlight } = this.#options
    const fault = this.#nextFault()
    this.#noteFault(fault)
    await this.#sleep(fault?.what === 'slow' ? fault.ms : this.#latencyMs())
    if (!process.isAlive && inFlight === 'lost') return new Promise<T>(() => {})
    this.#applyLate()
    const isWithoutEffect = fault?.what === 'refused' || fault?.what === 'late'
    if (fault?.what === 'late') this.#takeEffectLate(effect, fault.ms)
    const result = isWithoutEffect ? undefined : effect()
    reach()
    await this.#sleep(this.#latencyMs())
    this.#noteFault(fault)
    if (fault !== undefined && fault.what !== 'slow') throw new Error('The store is down.')
    return result as T
  }

  #nextFault(): StoreFault | undefined {
    const { clock, random } = this.#options
    if (clock.monotonic() < this.#downUntil) {
      const what = (['refused', 'unanswered', 'late'] as const)[Math.floor(random() * 3)] ?? 'refused'
      return { what, ms: random() * 1_000, times: 1 }
    }
    const fault = this.#faults.shift()
    if (fault && fault.times > 1) this.#faults.unshift({ ...fault, times: fault.times - 1 })
    return fault
  }

  #noteFault(fault: StoreFault | undefined): void {
    if (fault) this.#lastFaultAt = this.#options.clock.monotonic()
  }

  #takeEffectLate(effect: () => unknown, ms: number): void {
    this.#late = () => {
      try {
        effect()
      } catch {
        // It was fenced or aborted meanwhile.
      }
    }
    this.#options.clock.setTimer(ms, () => this.#applyLate())
  }

  /** A late effect happens no later than the effect of another call. */
  #applyLate(): void {
    const late = this.#late
    this.#late = undefined
    late?.()
  }

  /** How long a request or a response takes, in ms. */
  #latencyMs(): number {
    const { random, maxMs } = this.#options
    return maxMs * (0.3 + 0.7 * random())
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.setTimer(ms, resolve))
  }
}
