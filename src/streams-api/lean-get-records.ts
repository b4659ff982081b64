import {
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
} from '@aws-sdk/client-dynamodb-streams'
import { abortable } from './abortable.ts'
import { decodeRecord } from './decode-record.ts'
import { type LeanPage, putPageBack, takePage } from './lean-page.ts'
import type { RecordPage, StreamsApi } from './streams-api.ts'

/**
 * GetRecords, with its answers read at a sixth of the cost of the SDK's deserialiser, which walks the service's
 * schema for every attribute of every record, and whose no-op logger then copies it all.
 *
 * The SDK goes on doing all else: credentials, signing, retries, errors, and the middleware of the user's client. Two
 * middlewares of the one command stand around its deserialiser. The inner one takes the body of a successful answer
 * away and parses it; the deserialiser then finds an empty body, which to it is an answer without members. The outer
 * one puts the members back, as ones that are worked out when somebody looks at them. Answers that the inner one does
 * not understand, and all errors, go to the deserialiser as they came.
 *
 * @param onFallback - called once when the SDK's own reader has to be used, because its internals have moved.
 */
export function leanGetRecords(
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
    const reading = lean ? readLean(command, client, fallBack) : undefined
    if (reading && skipsLogger) skipLogger(command)
    const answer = await abortable(client.send(command, { abortSignal: signal }), signal)
    if (reading?.bypassed) fallBack('an answer of GetRecords was not one that can be read without the SDK')
    return pageOf(answer, reading?.page)
  }
}

/** The last of the overloads of `add`, which is the one for the deserialize step. */
type DeserializeMiddleware = Parameters<GetRecordsCommand['middlewareStack']['add']>[0]

/** What became of one command. */
interface Reading {
  /** What was read of the last attempt's answer. */
  readonly page: LeanPage | undefined
  /** Whether a successful answer went by unread. Not so with a mocked client, which asks no service. */
  readonly bypassed: boolean
}

function readLean(
  command: GetRecordsCommand,
  client: DynamoDBStreamsClient,
  fallBack: (reason: string) => void,
): Reading {
  const reading = { page: undefined as LeanPage | undefined, bypassed: false }
  let broken = false

  /** The page is lost, but nothing has moved: the next attempt, of the SDK or of our caller, leaves it all to the SDK. */
  function giveUp(cause: unknown): Error {
    broken = true
    const reason = "the SDK's deserialiser no longer takes an empty answer"
    fallBack(reason)
    return Object.assign(new Error(reason, { cause }), { $retryable: {} })
  }

  const aroundDeserializer: DeserializeMiddleware = (next) => async (args) => {
    reading.page = undefined // of an attempt that failed after its body was read
    const result = await next(args).catch((cause: unknown) => {
      throw reading.page ? giveUp(cause) : cause
    })
    reading.bypassed = reading.page === undefined
    if (!reading.page) return result
    if (!result.output) throw giveUp(undefined)
    putPageBack(result.output, reading.page)
    return result
  }
  const beforeDeserializer: DeserializeMiddleware = (next) => async (args) => {
    const result = await next(args)
    if (!broken) reading.page = await takePage(result.response, client.config.streamCollector)
    return result
  }

  const { middlewareStack } = command
  const toMiddleware = 'deserializerMiddleware'
  middlewareStack.addRelativeTo(aroundDeserializer, {
    name: 'leanGetRecordsOutput',
    relation: 'before',
    toMiddleware,
  })
  middlewareStack.addRelativeTo(beforeDeserializer, {
    name: 'leanGetRecordsBody',
    relation: 'after',
    toMiddleware,
  })
  return reading
}

/** The page in JSON form, unless a middleware of the user's looked at the records or made an answer of its own. */
function pageOf(answer: GetRecordsCommandOutput | undefined, page: LeanPage | undefined): RecordPage {
  const nextIterator = answer?.NextShardIterator || undefined
  if (!page?.untouched || page.output !== answer) {
    return { records: answer?.Records ?? [], decode: undefined, nextIterator, bytes: page?.bytes }
  }
  const { content, bytes } = page
  return {
    get records() {
      return content.records
    },
    textRecords: content.textRecords,
    decode: decodeRecord,
    nextIterator,
    bytes,
  }
}

/** The logger copies the whole answer before it finds that nobody wants it. */
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
