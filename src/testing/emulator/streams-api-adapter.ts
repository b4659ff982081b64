import * as sdk from '@aws-sdk/client-dynamodb-streams'
import type { StreamsApi } from '../../streams-api/streams-api.ts'
import { ServiceFault } from './calls/errors.ts'
import type { Service } from './calls/service.ts'
import { BrokenBody, ConnectionReset, htmlPage } from './faults/transport.ts'
import { sdkConnectionResetError } from './wire/request-handler.ts'

/** The emulator as the library's three-call view: no SDK client, no socket, promises that need microtasks only. */
export function createStreamsApi(service: Service): StreamsApi {
  /** As the `Date` header tells it. */
  const serviceTime = () => Math.floor(service.now() / 1000) * 1000
  return {
    listShards: async (request, signal) => {
      const { status, shards, lastEvaluatedShardId, answeredAt } = await service
        .listShards(request, signal)
        .catch(rethrow)
      return { status, shards, lastEvaluatedShardId, serviceTime: Math.floor(answeredAt / 1000) * 1000 }
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
        serviceTime: serviceTime(),
      }
    },
  }
}

function rethrow(error: unknown): never {
  throw asSdkError(error)
}

/** The errors for which the SDK has classes. */
const modelled = new Map(
  [
    sdk.ExpiredIteratorException,
    sdk.InternalServerError,
    sdk.LimitExceededException,
    sdk.ResourceNotFoundException,
    sdk.TrimmedDataAccessException,
  ].map((errorClass) => [errorClass.name, errorClass]),
)

/** The error that the SDK's client would have thrown. */
export function asSdkError(error: unknown): unknown {
  if (error instanceof ServiceFault) return serviceException(error)
  if (error instanceof ConnectionReset) return sdkConnectionResetError()
  if (error instanceof BrokenBody) return unreadableBody(error)
  return error
}

function serviceException(fault: ServiceFault): sdk.DynamoDBStreamsServiceException {
  // What the SDK says where the answer has no message.
  const message = fault.message || 'UnknownError'
  const { name, statusCode } = fault
  const $metadata = { httpStatusCode: statusCode, attempts: 1, totalRetryDelay: 0 }
  const Modelled = modelled.get(name)
  if (Modelled) return new Modelled({ message, $metadata })
  return new sdk.DynamoDBStreamsServiceException({
    name,
    message,
    $fault: statusCode >= 500 ? 'server' : 'client',
    $metadata,
  })
}

function unreadableBody({ kind, statusCode }: BrokenBody): Error {
  const text = kind === 'html' ? htmlPage : '{"Reco'
  try {
    JSON.parse(text)
  } catch (error) {
    if (error instanceof Error) {
      return Object.assign(error, { $responseBodyText: text, $metadata: { httpStatusCode: statusCode } })
    }
  }
  throw new Error('the broken body could be parsed')
}
