import { fromLambdaRecord } from '../records/from-lambda-record.ts'
import { toLambdaRecord } from '../records/lambda-record.ts'
import type { StreamRecord } from '../records/stream-record.ts'

/** What the content of a parked record stores. */
export interface ParkedContent {
  readonly record: StreamRecord
  /** The names of the tasks that need not run again. */
  readonly done: readonly string[]
}

/**
 * Writes the content of a parked record: the JSON of `{ shardId, done?, record }`, where `record` is the
 * record as in an event that Lambda passes to a function.
 */
export function writeContent({ record, done }: ParkedContent, streamArn: string): string {
  return JSON.stringify({
    shardId: record.shardId,
    ...(done.length > 0 && { done }),
    record: toLambdaRecord(record, streamArn),
  })
}

/**
 * Reads the content of a parked record.
 *
 * @throws Error if it is damaged. The message contains no value of the item.
 */
export function readContent(content: string): ParkedContent {
  const value = parse(content)
  const { shardId, done = [], record } = Object(value) as Record<string, unknown>
  if (typeof shardId !== 'string') throw new Error('shardId is not a string')
  if (!Array.isArray(done) || !done.every((task) => typeof task === 'string')) {
    throw new Error('done is not an array of strings')
  }
  return { record: fromLambdaRecord(record, shardId), done }
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    throw new Error('it is not JSON')
  }
}
