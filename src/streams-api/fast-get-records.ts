import {
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
} from '@aws-sdk/client-dynamodb-streams'
import { abortable } from '../core/abortable.ts'
import { decodeRecord } from '../wire/decode-record.ts'
import { type FastPage, outputOf, readPage } from './fast-page.ts'
import type { RecordPage, StreamsApi } from './streams-api.ts'

/**
 * GetRecords without the SDK's deserializer, which walks the service's schema for every attribute of every record, and whose
 * no-op logger then copies all of it (`bench/pieces/decode.ts`).
 *
 * The SDK does everything else: credentials, signing, retries, errors, and the middleware of the user's client. Two
 * middlewares of the one command are right before and right after its deserializer. The one before it makes the call through
 * the one after it, and reads a successful answer itself, with members that are computed on demand. All errors, and answers
 * that it does not understand, are left to the deserializer unchanged.
 *
 * @param onFallback - called once if the SDK's deserializer has to be used, because the SDK's internals have changed.
 */
export function fastGetRecords(
  client: DynamoDBStreamsClient,
  onFallback: (reason: string) => void,
): StreamsApi['readRecords'] {
  const names = client.middlewareStack?.identify() ?? []
  const skipsLogger = names.includes('loggerMiddleware - initialize') && logsNothing(client)
  let lean = true

  function fallBack(reason: string): void {
    if (lean) onFallback(reason)
    lean = false
  }

  if (!names.includes('deserializerMiddleware - deserialize')) {
    fallBack('the client has no middleware named deserializerMiddleware')
  }

  return async ({ iterator, limit }, signal) => {
    const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: limit })
    const reading = lean ? readFast(command, client) : undefined
    if (reading && skipsLogger) skipLogger(command)
    const answer = await abortable(client.send(command, { abortSignal: signal }), signal)
    if (reading?.bypassed) fallBack('an answer of GetRecords was not one that can be read without the SDK')
    return pageOf(answer, reading?.page)
  }
}

/** The last of the overloads of `add`, which is the one for the deserialize step. */
type DeserializeMiddleware = Parameters<GetRecordsCommand['middlewareStack']['add']>[0]
type DeserializeHandler = Parameters<DeserializeMiddleware>[0]
type DeserializeHandlerOutput = Awaited<ReturnType<DeserializeHandler>>

/** The outcome of one command. */
interface Reading {
  /** The page of the last attempt's answer. */
  readonly page: FastPage | undefined
  /** Whether a successful answer could not be read here. Not so with a mocked client, which calls no service. */
  readonly bypassed: boolean
}

function readFast(command: GetRecordsCommand, client: DynamoDBStreamsClient): Reading {
  const reading = { page: undefined as FastPage | undefined, bypassed: false }
  let call: DeserializeHandler | undefined
  /** Handed to the deserializer in place of the answer to a call that it makes. */
  let answer: DeserializeHandlerOutput | undefined

  const beforeDeserializer: DeserializeMiddleware = (deserialize) => async (args) => {
    reading.page = undefined // of an attempt before
    answer = await call?.(args)
    const page = answer && (await readPage(answer.response, client.config.streamCollector))
    if (answer && page) {
      reading.page = page
      return { response: answer.response, output: outputOf(page, answer.response) }
    }
    const result = await deserialize(args)
    reading.bypassed = true
    return result
  }
  const afterDeserializer: DeserializeMiddleware = (next) => {
    call = next
    return async (args) => {
      const given = answer
      answer = undefined
      return given ?? next(args)
    }
  }

  const { middlewareStack } = command
  const toMiddleware = 'deserializerMiddleware'
  middlewareStack.addRelativeTo(beforeDeserializer, {
    name: 'fastGetRecords',
    relation: 'before',
    toMiddleware,
  })
  middlewareStack.addRelativeTo(afterDeserializer, {
    name: 'leanGetRecordsCall',
    relation: 'after',
    toMiddleware,
  })
  return reading
}

/** The page in JSON form, unless a middleware of the user read the records or replaced the answer. */
function pageOf(answer: GetRecordsCommandOutput | undefined, page: FastPage | undefined): RecordPage {
  const nextIterator = answer?.NextShardIterator || undefined
  if (!page?.recordsUntouched || page.output !== answer) {
    const records = answer?.Records ?? []
    return { records, decode: undefined, nextIterator, bytes: page?.bytes, serviceTime: page?.serviceTime }
  }
  const { content, bytes, serviceTime } = page
  return {
    get records() {
      return content.records
    },
    lazyRecords: content.lazyRecords,
    decode: decodeRecord,
    nextIterator,
    bytes,
    serviceTime,
  }
}

/** The logger copies the whole answer before it finds that nothing is to be logged. */
function skipLogger(command: GetRecordsCommand): void {
  command.middlewareStack.add((next) => next, {
    name: 'loggerMiddleware',
    step: 'initialize',
    override: true,
  })
}

function logsNothing(client: DynamoDBStreamsClient): boolean {
  const logger: unknown = client.config.logger
  return logger === undefined || logger?.constructor?.name === 'NoOpLogger'
}
