/** What a response says about the records of its batch. */
export type ResponseReport =
  | { readonly kind: 'success' }
  /** The sequence numbers of the failed records, in the order of the batch. */
  | { readonly kind: 'failures'; readonly sequenceNumbers: readonly string[] }
  /** It names something that is not a record of the batch, so the whole batch has failed. */
  | { readonly kind: 'invalid' }

const success: ResponseReport = { kind: 'success' }
const invalid: ResponseReport = { kind: 'invalid' }

/**
 * Reads a response as Lambda does for a mapping with `ReportBatchItemFailures`. What is not an object, and an
 * object without failures, is a success; an identifier that is empty, null or unknown fails the whole batch.
 *
 * @param response - parsed JSON.
 * @param batch - the sequence numbers of the batch, in order.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export function readResponse(response: unknown, batch: readonly string[]): ResponseReport {
  const failures = member(response, 'batchItemFailures')
  if (failures === undefined || failures === null) return success
  if (!Array.isArray(failures)) return invalid
  const failed = new Set(failures.map((failure) => member(failure, 'itemIdentifier')))
  if (failed.size === 0) return success
  const sequenceNumbers = batch.filter((sequenceNumber) => failed.has(sequenceNumber))
  return sequenceNumbers.length === failed.size ? { kind: 'failures', sequenceNumbers } : invalid
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
