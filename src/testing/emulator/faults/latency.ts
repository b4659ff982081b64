import type { Call } from './rules.ts'

/** How long a call takes, in ms on the emulator's clock. */
export interface Latency {
  /** The time until the request reaches the service, which processes it at that moment. @default 0 */
  readonly requestMs?: number | undefined
  /**
   * The time from then until the response arrives. The response can be stale: it does not reflect changes
   * made during this time.
   * @default 0
   */
  readonly responseMs?: number | undefined
}

/** Returns the latency of a call; `undefined` for none. It is called once for each call. */
export type LatencySource = (call: Call) => Latency | undefined
