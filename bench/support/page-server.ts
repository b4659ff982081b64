import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { encodeRecords } from './encode-records.ts'
import type { ServedStream } from './served-stream.ts'

/*
 * A stream endpoint with a negligible cost per call, in a separate process. All records are encoded before
 * the first call, and all shards serve the same bytes, so that a benchmark measures the reader and not the
 * server.
 *
 * The argument is a ServedStream as JSON. The server sends its port to the parent process when it is ready.
 */

const stream: ServedStream = JSON.parse(process.argv[2] ?? '{}')
const records = encodeRecords(stream.recordsPerShard, stream.recordSize)
const pageEnd = Buffer.from(']}')
const calls: Record<string, number> = {}

const listing = Array.from({ length: stream.shards }, (_, shard) => ({
  ShardId: shardId(shard),
  SequenceNumberRange: { StartingSequenceNumber: '1', EndingSequenceNumber: '9'.repeat(24) },
}))

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const send = () => respond(request, JSON.parse(Buffer.concat(chunks).toString() || '{}'), response)
    if (stream.latencyMs > 0) setTimeout(send, stream.latencyMs)
    else send()
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))

interface Input {
  readonly ExclusiveStartShardId?: string
  readonly ExclusiveStartStreamArn?: string
  readonly ShardFilter?: unknown
  readonly ShardId?: string
  readonly ShardIterator?: string
  readonly Limit?: number
}

function respond(request: IncomingMessage, input: Input, response: ServerResponse): void {
  const call = String(request.headers['x-amz-target']).split('.')[1] ?? ''
  calls[call] = (calls[call] ?? 0) + 1
  if (request.url === '/calls') send(response, calls)
  else if (call === 'DescribeStream') send(response, describe(input))
  else if (call === 'GetShardIterator') send(response, { ShardIterator: `${input.ShardId} 0` })
  else if (call === 'GetRecords') sendPage(response, input)
  else if (call === 'DescribeTable') send(response, { Table: { LatestStreamArn: stream.streamArn } })
  else response.writeHead(400).end(JSON.stringify({ __type: 'UnknownOperationException' }))
}

function describe(input: Input): object {
  const first = input.ExclusiveStartShardId ? Number(input.ExclusiveStartShardId.slice(-8)) + 1 : 0
  const shards = input.ShardFilter ? [] : listing.slice(first, first + 100)
  const more = !input.ShardFilter && first + 100 < listing.length
  return {
    StreamDescription: {
      StreamArn: stream.streamArn,
      StreamStatus: 'DISABLED',
      StreamViewType: 'NEW_IMAGE',
      Shards: shards,
      ...(more && { LastEvaluatedShardId: shards.at(-1)?.ShardId }),
    },
  }
}

function sendPage(response: ServerResponse, { ShardIterator = '', Limit = 1000 }: Input): void {
  const [shard, first] = ShardIterator.split(' ')
  const { bytes, next } = records.page(Number(first), Limit)
  const iterator = next < records.count ? `"NextShardIterator":"${shard} ${next}",` : ''
  const start = Buffer.from(`{${iterator}"Records":[`)
  writeHead(response, start.length + bytes.length + pageEnd.length, [start, bytes, pageEnd])
  response.cork()
  response.write(start)
  response.write(bytes)
  response.end(pageEnd)
  response.uncork()
}

function send(response: ServerResponse, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body))
  writeHead(response, bytes.length, [bytes])
  response.end(bytes)
}

function writeHead(response: ServerResponse, length: number, parts: readonly Buffer[]): void {
  response.writeHead(200, {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': length,
    'x-amz-crc32': parts.reduce((sum, part) => crc32(part, sum), 0),
  })
}

function shardId(shard: number): string {
  return `shardId-0000001767225600000-${String(shard).padStart(8, '0')}`
}
