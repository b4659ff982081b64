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
 * Calls GetRecords without the SDK's deserializer, which walks the service's schema for every attribute of
 * every record, and without its no-op logger, which copies the result (`bench/micro/decode.ts`).
 *
 * The SDK still does everything else: credentials, signing, retries, errors, and the middleware of the user's
 * client. Each command gets two middlewares, right before and right after the deserializer. The first one
 * makes the call through the second one, and parses a successful response itself, into an output whose
 * records are computed on demand. Errors, and responses that it cannot parse, are passed to the deserializer
 * unchanged.
 *
 * @param onFallback - called once, with the reason, if the SDK's deserializer has to be used, because the
 * client has no middleware of that name or a response can only be parsed by the SDK.
 */
export function fastGetRecords(
  client: DynamoDBStreamsClient,
  onFallback: (reason: string) => void,
): StreamsApi['readRecords'] {
  const names = client.middlewareStack?.identify() ?? []
  const skipsLogger = names.includes('loggerMiddleware - initialize') && logsNothing(client)
  let isFast = true

  function fallBack(reason: string): void {
    if (isFast) onFallback(reason)
    isFast = false
  }

  if (!names.includes('deserializerMiddleware - deserialize')) {
    fallBack('the client has no middleware named deserializerMiddleware')
  }

  return async ({ iterator, limit }, signal) => {
    const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: limit })
    const reading = isFast ? readFast(command, client) : undefined
    if (reading && skipsLogger) skipLogger(command)
    const response = await abortable(client.send(command, { abortSignal: signal }), signal)
    if (reading?.bypassed) fallBack('a response of GetRecords can only be parsed by the SDK')
    return pageOf(response, reading?.page)
  }
}

/** The last overload of `add` is the one for the deserialize step. */
type DeserializeMiddleware = Parameters<GetRecordsCommand['middlewareStack']['add']>[0]
type DeserializeHandler = Parameters<DeserializeMiddleware>[0]
type DeserializeHandlerOutput = Awaited<ReturnType<DeserializeHandler>>

/** The result of one command. */
interface Reading {
  /** The page in the response to the last attempt. */
  readonly page: FastPage | undefined
  /** Whether the SDK's deserializer parsed a successful response. False for a mocked client. */
  readonly bypassed: boolean
}

function readFast(command: GetRecordsCommand, client: DynamoDBStreamsClient): Reading {
  const reading = { page: undefined as FastPage | undefined, bypassed: false }
  let call: DeserializeHandler | undefined
  /** The response to the call, which the deserializer receives instead of making the call itself. */
  let output: DeserializeHandlerOutput | undefined

  const beforeDeserializer: DeserializeMiddleware = (deserialize) => async (args) => {
    reading.page = undefined // from a previous attempt
    output = await call?.(args)
    const page = output && (await readPage(output.response, client.config.streamCollector))
    if (output && page) {
      reading.page = page
      return { response: output.response, output: outputOf(page, output.response) }
    }
    const result = await deserialize(args)
    reading.bypassed = true
    return result
  }
  const afterDeserializer: DeserializeMiddleware = (next) => {
    call = next
    return async (args) => {
      const received = output
      output = undefined
      return received ?? next(args)
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
    name: 'fastGetRecordsCall',
    relation: 'after',
    toMiddleware,
  })
  return reading
}

/** Returns the page in JSON form, unless the user's middleware read the records or replaced the output. */
function pageOf(response: GetRecordsCommandOutput | undefined, page: FastPage | undefined): RecordPage {
  const nextIterator = response?.NextShardIterator || undefined
  if (!page?.recordsUntouched || page.output !== response) {
    const records = response?.Records ?? []
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

/** Disables the SDK's logger middleware, which copies the whole result even if there is no logger. */
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
