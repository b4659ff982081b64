import type { Call } from './rules.ts'

/** How long a call takes, in ms of the emulator's clock. */
export interface Latency {
  /** Until the call reaches the service, which computes its response at that moment. @default 0 */
  readonly requestMs?: number | undefined
  /** From then until the response arrives. What happens meanwhile is not in it: a response can be stale. @default 0 */
  readonly responseMs?: number | undefined
}

/** Called once for each call. Without a result the call takes no time. */
export type LatencySource = (call: Call) => Latency | undefined
