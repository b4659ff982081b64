import type { AttemptListener, RunningAttempt } from './attempt.ts'
import type { AttemptOutcome } from './attempt-outcome.ts'
import type { Work } from './work.ts'

/** What happens to started work. */
export interface StartedWorkListener {
  /** See {@link AttemptListener.ended}. */
  ended(started: StartedWork, outcome: AttemptOutcome): void
  /** See {@link AttemptListener.abandoned}. */
  abandoned(started: StartedWork, runningForMs: number): void
}

/** Work that was started and has not ended. Its attempt may still wait until the checkpoint is saved. */
export class StartedWork implements AttemptListener {
  readonly work: Work
  readonly #listener: StartedWorkListener
  #slot = -1
  #attempt: RunningAttempt | undefined

  constructor(work: Work, listener: StartedWorkListener) {
    this.work = work
    this.#listener = listener
  }

  /** Its place among the work that is running. */
  get slot(): number {
    return this.#slot
  }

  /** It was added to the work that is running. */
  enter(slot: number): void {
    this.#slot = slot
  }

  /** Its attempt was started. */
  attemptStarted(attempt: RunningAttempt): void {
    this.#attempt = attempt
  }

  /** Aborts its attempt, if there is one. */
  abort(reason: unknown): void {
    this.#attempt?.abort(reason)
  }

  ended(outcome: AttemptOutcome): void {
    this.#listener.ended(this, outcome)
  }

  abandoned(runningForMs: number): void {
    this.#listener.abandoned(this, runningForMs)
  }
}
