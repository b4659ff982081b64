/**
 * Reads what a batch handler has returned, as Lambda does: nothing, no list, or an empty one, means that all
 * records are handled. Anything that is not a response is refused, because it may be meant as one.
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
  if (response === undefined || response === null) return failed
  if (typeof response !== 'object' || Array.isArray(response)) {
    throw malformed(`it must return { batchItemFailures } or nothing, not ${kindOf(response)}.`)
  }
  const failures: unknown = Reflect.get(response, 'batchItemFailures')
  if (failures === undefined && !('batchItemFailures' in response) && Object.keys(response).length > 0) {
    throw malformed('it is an object without batchItemFailures.')
  }
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

/** What the value is. It is not shown, because it may be a value of the item. */
function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

function malformed(problem: string): TypeError {
  return new TypeError(`The batch handler returned an invalid response: ${problem}`)
}
