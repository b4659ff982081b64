import type { Deliver } from '../../support/fake-table.ts'
import type { Process, World } from './world.ts'

/** The calls of a process can be late, lost and repeated. */
export interface NetworkOptions {
  /** The longest delay of a request or response, in ms. */
  readonly maxDelayMs: number
  /** The share of requests, and the share of responses, that are lost or very late. */
  readonly faults: number
}

/** How late a request can arrive that its sender has abandoned, in ms. */
const MAX_LATE_MS = 4_000

/** The time after which a client abandons an attempt, in ms, and the number of attempts. */
const ATTEMPT_MS = 90
const ATTEMPTS = 2

export function networkOf(
  world: World,
  process: Process,
  { maxDelayMs, faults }: NetworkOptions,
  onApplied: () => void,
): Deliver {
  return (call, signal) =>
    new Promise((resolve, reject) => {
      const respond = (settle: () => void) => world.after(world.between(0, maxDelayMs), settle, process)
      const apply = () => {
        try {
          const response = call.apply()
          onApplied()
          return () => resolve(response)
        } catch (error) {
          return () => reject(error)
        }
      }
      const attempt = (left: number): void => {
        if (signal?.aborted) return
        const isCut = process.cutOffUntil > world.now
        const isRequestLost = isCut || world.chance(faults)
        const isResponseLost = !isRequestLost && world.chance(faults)
        if (isRequestLost) {
          if (world.chance(isCut ? 0.1 : 0.5)) world.after(world.between(ATTEMPT_MS, MAX_LATE_MS), apply)
        } else {
          world.after(world.between(0, maxDelayMs), () => {
            const settle = apply()
            if (!isResponseLost) respond(settle)
          })
        }
        if (!isRequestLost && !isResponseLost) return
        const next = () => (left > 1 ? attempt(left - 1) : reject(new Error('no response')))
        world.after(ATTEMPT_MS, next, process)
      }
      attempt(ATTEMPTS)
    })
}
