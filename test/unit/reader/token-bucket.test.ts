import { expect, it } from 'vitest'
import { consumeToken, fullBucket } from '../../../src/reader/token-bucket.ts'

/** Takes a token at each of these times. Returns how long each call has to wait (ms). */
function waits(times: readonly number[]): number[] {
  let bucket = fullBucket
  return times.map((now) => {
    const taken = consumeToken(bucket, now)
    bucket = taken.bucket
    return taken.waitMs
  })
}

const atOnce = (count: number, now: number) => Array<number>(count).fill(now)

it('a full bucket allows 100 calls at once, and further calls at five per second', () => {
  const all = waits(atOnce(103, 1_000))
  expect(all.slice(0, 100)).toEqual(atOnce(100, 0))
  expect(all.slice(100)).toEqual([200, 400, 600])
})

it('a bucket refills at five tokens per second, up to 100', () => {
  const all = waits([...atOnce(100, 0), ...atOnce(6, 1_000), ...atOnce(101, 10_000_000)])
  expect(all.slice(100, 106)).toEqual([0, 0, 0, 0, 0, 200])
  expect(all.slice(106)).toEqual([...atOnce(100, 0), 200])
})

it('no tokens are added while the clock does not advance, and none are lost when it steps back', () => {
  expect(waits([...atOnce(100, 5_000), 5_000, 5_000]).slice(100)).toEqual([200, 400])
  expect(waits([...atOnce(100, 5_000), 1_000]).slice(100)).toEqual([200])
})

it('calls at the allowed rate never wait', () => {
  const times = Array.from({ length: 1_000 }, (_, n) => n * 200)
  expect(Math.max(...waits(times))).toBe(0)
})
