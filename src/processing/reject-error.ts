/**
 * Thrown by a handler, or by code that it calls, to give a record up without another attempt. The record is
 * sent to `onFailure` with the condition `Rejected`.
 *
 * In a batch of two or more records, the error does not indicate which record to give up, so it fails the
 * batch like any other error: the batch is split, and the record is rejected once it runs alone. Use
 * `BatchContext.reject` to reject one record of a batch.
 *
 * @example
 * ```ts
 * if (!isValidSku(sku)) throw new RejectError('The SKU is malformed.')
 * ```
 */
export class RejectError extends Error {
  override readonly name: string = 'RejectError'

  /** @param reason - why the record is given up. The dead letter contains it. */
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
  }
}

/**
 * Returns the reason of a `RejectError`, or undefined for any other value. The class is compared by name,
 * because two copies of this package may be loaded. Handlers can throw anything, including a proxy whose
 * properties cannot be read.
 *
 * @internal
 */
export function rejectReason(error: unknown): string | undefined {
  try {
    if (typeof error !== 'object' || error === null) return undefined
    const { name, message } = error as Partial<Error>
    return name === 'RejectError' && typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
