import { isUnavailable, type Stream } from '../state/stream.ts'
import { checkLimit } from './check-request.ts'
import type { CallContext } from './context.ts'

export interface ListStreamsRequest {
  readonly tableName?: string | undefined
  readonly exclusiveStartStreamArn?: string | undefined
  readonly limit?: number | undefined
}

export interface ListedStreams {
  readonly streams: readonly Stream[]
  readonly lastEvaluatedStreamArn: string | undefined
}

export function listStreams(context: CallContext, request: ListStreamsRequest): ListedStreams {
  const { table, now, behavior } = context
  const { limit = 100, tableName, exclusiveStartStreamArn: start } = request
  checkLimit(limit, 100)
  const first = start === undefined ? 0 : table.streams.findIndex(({ arn }) => arn === start) + 1
  const streams = (
    tableName === undefined || tableName === table.name ? table.streams.slice(first) : []
  ).filter((stream) => !isUnavailable(stream, now, behavior))
  const page = streams.slice(0, limit)
  return {
    streams: page,
    lastEvaluatedStreamArn: streams.length > limit ? page[page.length - 1]?.arn : undefined,
  }
}
