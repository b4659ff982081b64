import { namesOf } from '../../../core/options.ts'
import type { Behavior } from '../behavior/behavior.ts'

/**
 * What happens to a call. Any {@link Behavior} may be given for this call alone, together with faults of the
 * service and of the way to it.
 */
export interface Effect extends Partial<Behavior> {
  /** The service answers this error, by its code: `ExpiredIteratorException`, `ThrottlingException`, … */
  readonly fail?: string | undefined
  /** The error's message. @default one that suits the code; give `''` for none */
  readonly message?: string | undefined
  /** The error's HTTP status. @default 500 for `Internal…`, 503 for `ServiceUnavailable…`, otherwise 400 */
  readonly statusCode?: number | undefined
  /** The connection is reset, before or after the service acted on the call. */
  readonly reset?: 'before' | 'after' | undefined
  /** There is never an answer: the call lasts until it is aborted. */
  readonly hang?: boolean | undefined
  /** The service acts at once, and its answer arrives this many ms later by the emulator's clock. */
  readonly delayMs?: number | undefined
  /** The answer breaks off in the middle, or is a proxy's HTML page (status 200 if no other is given). */
  readonly body?: 'truncated' | 'html' | undefined
}

/** The names of {@link Effect} without those of {@link Behavior}. */
export const faultNames: readonly string[] = namesOf<Omit<Effect, keyof Behavior>>({
  fail: true,
  message: true,
  statusCode: true,
  reset: true,
  hang: true,
  delayMs: true,
  body: true,
})

/** An effect in a few words, for the log. */
export function effectText(effect: Effect): string {
  return Object.entries(effect)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}
