import type { CheckpointLeaseState } from './store.ts'

/**
 * Decides when a standby worker may acquire a lease: when it was released, or when its state has not changed
 * for the time limit of its holder. Makes no call.
 *
 * The time counts from the arrival of the response that first showed the state, on the standby worker's own
 * monotonic clock: the holder has sent its last renewal before, and stops itself earlier. No clocks of two
 * machines are compared.
 */
export class LeaseWatch {
  #state: CheckpointLeaseState | undefined
  #since = 0

  /**
   * Notes a state of the lease.
   *
   * @param arrivedAt - when the response arrived, in monotonic ms.
   * @returns how long the state must still be unchanged before the lease can be acquired, in ms: 0 now,
   * Infinity never, because the lease has no time limit.
   */
  observe(state: CheckpointLeaseState, arrivedAt: number): number {
    if (state.revision !== this.#state?.revision) {
      this.#state = state
      this.#since = arrivedAt
    }
    if (state.leaseMs === undefined) return Number.POSITIVE_INFINITY
    return state.leaseMs === 0 ? 0 : Math.max(0, state.leaseMs - (arrivedAt - this.#since))
  }

  /** Starts the wait again: an acquisition was refused, or its result is unknown. */
  reset(): void {
    this.#state = undefined
  }
}
