/** What becomes of a record. It follows from the number of the record, in the worker and in the test. */
export type Role =
  /** It is handled by the first attempt that is not interrupted. */
  | { readonly kind: 'handled' }
  /** Its first attempts fail. */
  | { readonly kind: 'failing'; readonly failures: number }
  /** All of its attempts fail, so that its attempts are used up. */
  | { readonly kind: 'hopeless' }
  /** The handler rejects it. */
  | { readonly kind: 'rejected' }
  /** The handler ends the process. */
  | { readonly kind: 'deadly' }
  /** The filter of the run excludes it. */
  | { readonly kind: 'filtered' }

export function roleOf(n: number): Role {
  if (n % 90 === 47) return { kind: 'hopeless' }
  if (n % 19 === 5) return { kind: 'rejected' }
  if (n % 17 === 11) return { kind: 'filtered' }
  if (n % 7 === 3) return { kind: 'failing', failures: 1 + (n % 4) }
  return { kind: 'handled' }
}
