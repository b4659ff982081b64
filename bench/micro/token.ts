import { parseToken, type StreamToken } from '../../src/index.ts'
import type { Bench } from '../support/report.ts'
import { sequenceNumber } from '../support/sample-records.ts'

/**
 * The size of a token and the cost of writing and reading it, by the number of shards that are being read.
 */
export const token: Bench = async ({ quick }) => {
  const sizes = quick ? [1, 1_000] : [1, 8, 100, 1_000, 10_000, 100_000]
  const rows = sizes.map((shards) => {
    const value = makeToken(shards)
    const text = JSON.stringify(value)
    return {
      shards,
      bytes: text.length,
      writeMs: medianMs(() => JSON.stringify(value)),
      readMs: medianMs(() => parseToken(text)),
      // How long it takes to list the shards before a token can be used, at 100 shards per page and 5 calls
      // per second.
      listingSeconds: Math.ceil(shards / 100) / 5,
    }
  })
  return {
    tables: [
      {
        title: 'token: cost by the number of shards in the frontier',
        columns: ['shards', 'kB', 'serialize, ms', 'parse and validate, ms', 'listing at 5 calls/s, s'],
        rows: rows.map(({ shards, bytes, writeMs, readMs, listingSeconds }) => [
          shards.toLocaleString('en'),
          (bytes / 1000).toPrecision(3),
          writeMs.toPrecision(3),
          readMs.toPrecision(3),
          listingSeconds.toPrecision(3),
        ]),
      },
    ],
    data: rows,
  }
}

function makeToken(shards: number): StreamToken {
  const id = (n: number) => `shardId-0000001767225600000-${n.toString(16).padStart(8, '0')}`
  return {
    version: 1,
    streamArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
    shards: Array.from({ length: shards }, (_, n) => ({
      shardId: id(n),
      parentId: id(n + 0x10000000),
      at: { after: sequenceNumber(n * 31) },
    })),
  }
}

function medianMs(work: () => unknown): number {
  const times: number[] = []
  const until = performance.now() + 500
  while (times.length < 5 || (performance.now() < until && times.length < 1000)) {
    const start = performance.now()
    work()
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN
}
