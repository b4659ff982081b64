/**
 * Reads what a batch handler has returned, as Lambda does: no list, or an empty one, means that all records
 * are handled.
 *
 * @param response - whatever the handler returned.
 * @param isInBatch - whether a sequence number belongs to a record of the batch.
 * @returns the sequence numbers of the failed records.
 * @throws TypeError if the response is malformed or names a record that is not in the batch. The whole batch
 * has then failed, because which of its records have failed is unknown.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export function readBatchResponse(
  response: unknown,
  isInBatch: (sequenceNumber: string) => boolean,
): ReadonlySet<string> {
  const failed = new Set<string>()
  if (typeof response !== 'object' || response === null) return failed
  const failures: unknown = Reflect.get(response, 'batchItemFailures')
  if (failures === undefined || failures === null) return failed
  if (!Array.isArray(failures)) throw malformed('batchItemFailures is not an array.')
  for (const [index, failure] of failures.entries()) {
    const identifier: unknown =
      typeof failure === 'object' && failure !== null ? Reflect.get(failure, 'itemIdentifier') : undefined
    const path = `batchItemFailures[${index}].itemIdentifier`
    if (typeof identifier !== 'string') throw malformed(`${path} is not a string.`)
    if (!isInBatch(identifier))
      throw malformed(`${path} is not the sequence number of a record of the batch.`)
    failed.add(identifier)
  }
  return failed
}

function malformed(problem: string): TypeError {
  return new TypeError(`The batch handler returned an invalid response: ${problem}`)
}
