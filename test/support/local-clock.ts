import { type Clock, systemClock } from '../../src/core/clock.ts'

/**
 * Creates a clock that starts at `now` and runs `speed` times as fast as that of the machine. Its timers run
 * at normal speed: calls take as long as usual, and a timeout of 30 s must not expire after 20 ms.
 */
export function fastClock(speed: number, now: number): Clock {
  if (speed === 1) return systemClock
  const start = performance.now()
  return { ...systemClock, now: () => now + (performance.now() - start) * speed }
}
