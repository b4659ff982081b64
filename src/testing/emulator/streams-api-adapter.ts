import * as sdk from '@aws-sdk/client-dynamodb-streams'
import type { StreamsApi } from '../../streams-api/streams-api.ts'
import { ServiceFault } from './calls/errors.ts'
import type { Service } from './calls/service.ts'
import { BrokenBody, ConnectionReset, htmlPage } from './faults/transport.ts'
import { sdkConnectionResetError } from './wire/request-handler.ts'

/**
 * Serves the library's three-call view of AWS directly: no SDK client, no socket, and promises that
 * settle in microtasks.
 */
export function createStreamsApi(service: Service): StreamsApi {
  return {
    listShards: async (request, signal) => {
      const { status, shards, lastEvaluatedShardId, listedAt } = await service
        .listShards(request, signal)
        .catch(rethrow)
      return { status, shards, lastEvaluatedShardId, serviceTime: dateHeaderTime(listedAt) }
    },
    openIterator: (request, signal) => service.openIterator(request, signal).catch(rethrow),
    readRecords: async (request, signal) => {
      const { records, nextIterator } = await service.readRecords(request, signal).catch(rethrow)
      let bytes = 0
      for (const record of records) bytes += record.bytes
      return {
        records: records.map(({ raw }) => raw),
        decode: undefined,
        nextIterator: nextIterator || undefined,
        bytes,
        serviceTime: dateHeaderTime(service.now()),
      }
    },
  }
}

/** Returns a time as the `Date` header contains it: truncated to the second. */
function dateHeaderTime(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

function rethrow(error: unknown): never {
  throw asSdkError(error)
}

/** The errors for which the SDK has a class. */
const modeledErrors = new Map(
  [
    sdk.ExpiredIteratorException,
    sdk.InternalServerError,
    sdk.LimitExceededException,
    sdk.ResourceNotFoundException,
    sdk.TrimmedDataAccessException,
  ].map((errorClass) => [errorClass.name, errorClass]),
)

/** Returns the error that the SDK client would have thrown. */
export function asSdkError(error: unknown): unknown {
  if (error instanceof ServiceFault) return serviceException(error)
  if (error instanceof ConnectionReset) return sdkConnectionResetError()
  if (error instanceof BrokenBody) return deserializationError(error)
  return error
}

function serviceException(fault: ServiceFault): sdk.DynamoDBStreamsServiceException {
  // The SDK's own message for a response without one.
  const message = fault.message || 'UnknownError'
  const { name, statusCode } = fault
  const $metadata = { httpStatusCode: statusCode, attempts: 1, totalRetryDelay: 0 }
  const ModeledError = modeledErrors.get(name)
  if (ModeledError) return new ModeledError({ message, $metadata })
  return new sdk.DynamoDBStreamsServiceException({
    name,
    message,
    $fault: statusCode >= 500 ? 'server' : 'client',
    $metadata,
  })
}

function deserializationError({ kind, statusCode }: BrokenBody): Error {
  const text = kind === 'html' ? htmlPage : '{"Reco'
  try {
    JSON.parse(text)
  } catch (error) {
    if (error instanceof Error) {
      return Object.assign(error, { $responseBodyText: text, $metadata: { httpStatusCode: statusCode } })
    }
  }
  throw new Error('The broken body was parsed without an error')
}
