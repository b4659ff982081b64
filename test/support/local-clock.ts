import type { Clock } from '../../src/clock.ts'
import { systemClock } from '../../src/clock.ts'

/** A clock that shows `now` at its making and then runs `speed` times as fast as the machine's; timers alike. */
export function fastClock(speed: number, now: number): Clock {
  if (speed === 1) return systemClock
  const start = performance.now()
  return {
    now: () => now + (performance.now() - start) * speed,
    setTimer: (delayMs, callback, ...rest) => systemClock.setTimer(delayMs / speed, callback, ...rest),
  }
}
