import { randomBytes } from 'node:crypto'
import type { StreamToken } from '../../src/position/token.ts'

const STREAM_ARN = 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'

/** Creates a token from which `numberIn()` reads `number`. With 4,000 shards or more it exceeds one item. */
export function numberedToken(number: number, shardCount = 1): StreamToken {
  return {
    version: 1,
    streamArn: STREAM_ARN,
    shards: Array.from({ length: shardCount }, (_, index) => ({
      shardId: `shardId-${String(1_767_225_600_000 + index).padStart(20, '0')}-${randomBytes(4).toString('hex')}`,
      at: { after: index === 0 ? String(number).padStart(21, '0') : randomDigits() },
    })),
  }
}

/** Returns the number of a token created by `numberedToken()`, or undefined if there is no token. */
export function numberIn(token: unknown): number | undefined {
  if (token === undefined) return undefined
  const at = (token as StreamToken).shards[0]?.at
  return typeof at === 'object' && 'after' in at ? Number(at.after) : Number.NaN
}

function randomDigits(): string {
  return BigInt(`0x${randomBytes(13).toString('hex')}`)
    .toString()
    .slice(0, 30)
}
