import {
  aBoolean,
  aString,
  type Checks,
  check,
  checkOptions,
  numberFrom,
  oneOf,
  wholeNumber,
} from '../../options/check-options.ts'
import type { Behavior } from '../behavior/behavior.ts'
import { behaviorChecks } from '../behavior/check-behavior.ts'

/**
 * What happens to a call that matches a rule: a service error, a network fault, or any {@link Behavior} for
 * this call only.
 */
export interface Effect extends Partial<Behavior> {
  /**
   * The call fails with this error code, such as `ExpiredIteratorException` or `ThrottlingException`. Codes
   * that the service does not document are accepted too.
   */
  readonly fail?: string | undefined
  /**
   * The message of the error; `''` for an error without a message.
   * @default a message that contains the code
   */
  readonly message?: string | undefined
  /**
   * The HTTP status of the error, or of the response with `body`.
   * @default 500 for `InternalServerError` and `InternalFailure`, 503 for `ServiceUnavailable` and
   * `ServiceUnavailableException`, 400 for other errors; 200 with `body`
   */
  readonly statusCode?: number | undefined
  /** The connection is reset before or after the service has processed the call. */
  readonly reset?: 'before' | 'after' | undefined
  /** The response never arrives: the call lasts until the client aborts it. */
  readonly hang?: boolean | undefined
  /**
   * The service processes the call immediately; its response arrives this many ms later on the emulator's
   * clock.
   */
  readonly delayMs?: number | undefined
  /** The response is cut off in the middle, or is the HTML error page of a proxy. */
  readonly body?: 'truncated' | 'html' | undefined
}

const effectChecks: Checks<Effect> = {
  ...behaviorChecks,
  // A rule can use any code, because services and proxies return codes that the service model does not list.
  fail: check(
    (value) => typeof value === 'string' && /^[A-Za-z][\w.-]*$/.test(value),
    "the code of an error, such as 'ThrottlingException'",
  ),
  message: aString,
  statusCode: wholeNumber(200, 599),
  reset: oneOf<NonNullable<Effect['reset']>>({ before: true, after: true }),
  hang: aBoolean,
  delayMs: numberFrom(0),
  body: oneOf<NonNullable<Effect['body']>>({ truncated: true, html: true }),
}

/** @throws StreamError `options.invalid` for an unknown name or value. */
export function checkEffect(effect: unknown): void {
  checkOptions('', effect, effectChecks)
}

/** Formats an effect for the log: `fail=ThrottlingException statusCode=400`. */
export function effectText(effect: Effect): string {
  return Object.entries(effect)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}
