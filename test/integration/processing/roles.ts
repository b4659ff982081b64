import type { DeadlyRecord } from './worker-log.ts'

/** What becomes of a record. */
export type Role =
  /** It is handled by the first attempt that is not interrupted. */
  | { readonly kind: 'handled' }
  /** As many of its attempts fail. */
  | { readonly kind: 'failing'; readonly failures: number }
  /** All of its attempts fail, so that its attempts are used up. */
  | { readonly kind: 'hopeless' }
  /** The handler rejects it. */
  | { readonly kind: 'rejected' }
  /** The handler ends the process. */
  | { readonly kind: 'deadly' }
  /** The filter of the run excludes it. */
  | { readonly kind: 'filtered' }

/**
 * Returns the role of each record, which depends only on its number, in the worker as in the test. If one
 * record ends the process, all others are handled.
 */
export function rolesOf(deadly?: DeadlyRecord): (n: number) => Role {
  if (deadly !== undefined) return (n) => ({ kind: n === deadly.n ? 'deadly' : 'handled' })
  return (n) => {
    if (n % 90 === 47) return { kind: 'hopeless' }
    if (n % 19 === 5) return { kind: 'rejected' }
    if (n % 17 === 11) return { kind: 'filtered' }
    if (n % 7 === 3) return { kind: 'failing', failures: 1 + (n % 4) }
    return { kind: 'handled' }
  }
}
