import type { Clock } from '../../../src/core/clock.ts'
import { below, type Random } from '../../../src/testing/emulator/state/random.ts'

interface Event {
  readonly at: number
  readonly process: Process | undefined
  readonly run: () => void
}

/** Time, and what happens in it, one event after the other. */
export class World {
  readonly random: Random
  #now = 0
  /** Sorted by time; events at the same time in the order in which they were added. */
  readonly #events: Event[] = []

  constructor(random: Random) {
    this.random = random
  }

  /** The real time, in ms. No process knows it. */
  get now(): number {
    return this.#now
  }

  /** @param process - where it happens: later if the process is suspended then, and never if it is dead. */
  after(delayMs: number, run: () => void, process?: Process): () => void {
    const event = { at: this.#now + delayMs, process, run }
    this.#insert(event)
    return () => {
      const index = this.#events.indexOf(event)
      if (index !== -1) this.#events.splice(index, 1)
    }
  }

  async runUntil(end: number): Promise<void> {
    for (let event = this.#events[0]; event && event.at <= end; event = this.#events[0]) {
      this.#events.shift()
      this.#now = event.at
      const { process } = event
      if (process?.isDead) continue
      if (process && process.asleepUntil > this.#now) {
        this.#insert({ ...event, at: process.asleepUntil })
        continue
      }
      event.run()
      // All promise callbacks run before the next event.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  between(min: number, max: number): number {
    return min + this.random() * (max - min)
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  pick<T>(values: readonly T[]): T {
    return values[below(this.random, values.length)] as T
  }

  #insert(event: Event): void {
    let index = this.#events.length
    while (index > 0 && (this.#events[index - 1] as Event).at > event.at) index--
    this.#events.splice(index, 0, event)
  }
}

export interface ProcessOptions {
  readonly name: string
  /** How fast its clocks run. */
  readonly rate: number
  /** Whether the monotonic clock stops while the process is suspended. */
  readonly standsStill: boolean
}

/** A process with clocks of its own. */
export class Process {
  readonly name: string
  readonly clock: Clock
  asleepUntil = 0
  isDead = false
  /** All of its calls are lost until then. */
  cutOffUntil = 0
  #sleptMs = 0

  constructor(world: World, { name, rate, standsStill }: ProcessOptions) {
    this.name = name
    const offset = world.between(0, 1e6)
    const startedAt = world.now
    const elapsed = () => (world.now - startedAt) * rate
    this.clock = {
      now: () => offset * 1_000 + elapsed(),
      monotonic: () => offset + elapsed() - (standsStill ? this.#sleptMs * rate : 0),
      setTimer: (delayMs, callback) => world.after(Math.max(0, delayMs) / rate, callback, this),
    }
  }

  /** Whether it can run now. */
  isAwake(world: World): boolean {
    return !this.isDead && this.asleepUntil <= world.now
  }

  suspend(world: World, ms: number): void {
    const until = Math.max(this.asleepUntil, world.now + ms)
    this.#sleptMs += until - Math.max(this.asleepUntil, world.now)
    this.asleepUntil = until
  }
}
