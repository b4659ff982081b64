import type { Clock } from '../core/clock.ts'

/**
 * How many records are taken, and how many attempts are started, before the event loop gets a turn. Handlers
 * that return or fail at once would otherwise keep it from reading, saving and firing timers for as long as
 * records are buffered, or keys are due for a retry. As many are started as taken, so that records do not
 * pile up while such handlers could process them.
 */
const STEPS_PER_TICK = 128

/** Decides when the next turn of a run takes place, and how much it may do. */
export class Turns {
  readonly #clock: Clock
  readonly #turn: () => void
  #isQueued = false
  #isStarted = false
  /** Whether the next turn waits until the event loop has had one. */
  #isYielding = false
  #takesLeft = STEPS_PER_TICK
  #startsLeft = STEPS_PER_TICK
  #cancelTimer: (() => void) | undefined
  /** When the timer for the next turn fires, in monotonic ms. */
  #timerAt: number | undefined

  constructor(clock: Clock, turn: () => void) {
    this.#clock = clock
    this.#turn = turn
  }

  /** Queues the first turn. */
  start(): void {
    this.#isStarted = true
    this.queue()
  }

  stop(): void {
    this.#isStarted = false
    this.wakeAt(undefined)
  }

  /** Queues a turn, unless one is queued. */
  queue(): void {
    if (this.#isQueued || !this.#isStarted) return
    this.#isQueued = true
    queueMicrotask(() => {
      this.#isQueued = false
      if (this.#isStarted) this.#turn()
    })
  }

  get isYielding(): boolean {
    return this.#isYielding
  }

  /** Whether a record can be taken in this turn. If not, another turn follows. */
  mayTake(): boolean {
    return this.#takesLeft > 0 || this.#yield()
  }

  /** A record was taken. */
  took(): void {
    this.#takesLeft--
  }

  /** Whether an attempt can be started in this turn. If not, another turn follows. */
  mayStart(): boolean {
    return this.#startsLeft > 0 || this.#yield()
  }

  /** An attempt was started, or a record was given up. */
  started(): void {
    this.#startsLeft--
  }

  /** Sets the timer for the next turn, in monotonic ms; undefined: no timer. */
  wakeAt(time: number | undefined): void {
    if (time === this.#timerAt) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#timerAt = time
    if (time === undefined) return
    const delayMs = Math.max(0, time - this.#clock.monotonic())
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => {
      this.#cancelTimer = undefined
      this.#timerAt = undefined
      this.queue()
    })
  }

  /** Continues when the event loop has had a turn. */
  #yield(): false {
    if (this.#isYielding) return false
    this.#isYielding = true
    setImmediate(() => {
      this.#isYielding = false
      this.#takesLeft = STEPS_PER_TICK
      this.#startsLeft = STEPS_PER_TICK
      this.queue()
    })
    return false
  }
}
