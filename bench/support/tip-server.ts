import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { awsJson } from './aws-json.ts'
import { sampleRecord, sequenceNumber, streamArn } from './sample-records.ts'

/*
 * A stream endpoint with open shards that are written to on demand, in a separate process.
 * `/write?records=100&everyMs=20` writes records to random shards, each with the time of the write. `/calls`
 * returns the number of calls so far.
 *
 * The arguments are the number of shards and the latency of a call in ms. The server sends its port to the
 * parent process when it is ready.
 */

const shards = Number(process.argv[2] ?? 1)
const latencyMs = Number(process.argv[3] ?? 0)

const records: string[][] = Array.from({ length: shards }, () => [])
const calls: Record<string, number> = {}
const shardIds = records.map((_, shard) => `shardId-0000001767225600000-${String(shard).padStart(8, '0')}`)

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    if (url.pathname === '/calls') return send(response, JSON.stringify(calls))
    if (url.pathname === '/write') {
      write(Number(url.searchParams.get('records')), Number(url.searchParams.get('everyMs')))
      return send(response, '{}')
    }
    const call = String(request.headers['x-amz-target']).split('.')[1] ?? ''
    calls[call] = (calls[call] ?? 0) + 1
    const input = JSON.parse(Buffer.concat(chunks).toString() || '{}')
    setTimeout(() => send(response, respond(call, input)), latencyMs)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))

function write(count: number, everyMs: number): void {
  if (count <= 0) return
  const shard = Math.floor(Math.random() * shards)
  const queue = records[shard] ?? []
  queue.push(writtenNow(queue.length))
  setTimeout(write, everyMs, count - 1, everyMs)
}

function writtenNow(index: number): string {
  const now = Date.now()
  const record = sampleRecord(index)
  const NewImage = { id: { S: 'x' }, writtenAt: { N: String(now) } }
  const dynamodb = { ...record.dynamodb, ApproximateCreationDateTime: Math.floor(now / 1000), NewImage }
  return awsJson({ ...record, dynamodb })
}

function respond(call: string, input: Record<string, string>): string {
  if (call === 'DescribeStream') return describe(input)
  if (call === 'GetShardIterator') {
    const queue = records[shardIds.indexOf(input.ShardId ?? '')] ?? []
    const at = input.ShardIteratorType === 'LATEST' ? queue.length : positionOf(input)
    return JSON.stringify({ ShardIterator: `${input.ShardId} ${at}` })
  }
  const [shardId = '', at = '0'] = (input.ShardIterator ?? '').split(' ')
  const queue = records[shardIds.indexOf(shardId)] ?? []
  const page = queue.slice(Number(at), Number(at) + 1000)
  return `{"NextShardIterator":"${shardId} ${Number(at) + page.length}","Records":[${page.join()}]}`
}

function positionOf({ ShardIteratorType, SequenceNumber = '' }: Record<string, string>): number {
  if (ShardIteratorType === 'AFTER_SEQUENCE_NUMBER') return Number(SequenceNumber.slice(1)) + 1
  return ShardIteratorType === 'AT_SEQUENCE_NUMBER' ? Number(SequenceNumber.slice(1)) : 0
}

function describe({ ExclusiveStartShardId, ShardFilter }: Record<string, string>): string {
  const first = ExclusiveStartShardId ? shardIds.indexOf(ExclusiveStartShardId) + 1 : 0
  const page = ShardFilter ? [] : shardIds.slice(first, first + 100)
  return JSON.stringify({
    StreamDescription: {
      StreamArn: streamArn,
      StreamStatus: 'ENABLED',
      Shards: page.map((ShardId) => ({
        ShardId,
        SequenceNumberRange: { StartingSequenceNumber: sequenceNumber(0) },
      })),
      ...(!ShardFilter && first + 100 < shards && { LastEvaluatedShardId: page.at(-1) }),
    },
  })
}

function send(response: ServerResponse, body: string): void {
  const bytes = Buffer.from(body)
  response.writeHead(200, {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': bytes.length,
    'x-amz-crc32': crc32(bytes),
  })
  response.end(bytes)
}
