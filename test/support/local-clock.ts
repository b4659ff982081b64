import { type Clock, systemClock } from '../../src/core/clock.ts'

/**
 * A clock that shows `now` at its making and then runs `speed` times as fast as the machine's. Its timers are the
 * machine's all the same: calls take as long as they take, and a time-out of half a minute must not be over in 20 ms.
 */
export function fastClock(speed: number, now: number): Clock {
  if (speed === 1) return systemClock
  const start = performance.now()
  return { ...systemClock, now: () => now + (performance.now() - start) * speed }
}
