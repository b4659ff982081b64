import { afterAll, expect, test, vi } from 'vitest'
import { type PlayOptions, type PlaySummary, play } from './play.ts'

vi.hoisted(() => vi.resetModules())
vi.mock('node:zlib', () => import('../../support/sync-zlib.ts'))
afterAll(() => vi.resetModules())

/** `STANDBY_PLAYS=10000 STANDBY_SEED=7 npx vitest run test/model/standby` runs more. */
const PLAYS = Number(process.env.STANDBY_PLAYS ?? 80)
const SEED = Number(process.env.STANDBY_SEED ?? 1)

async function playAll(options: Omit<PlayOptions, 'seed'>): Promise<PlaySummary> {
  const total = { takeovers: 0, saves: 0, selfStops: 0 }
  for (let seed = SEED; seed < SEED + PLAYS; seed++) {
    const { takeovers, saves, selfStops } = await play({ seed, ...options })
    total.takeovers += takeovers
    total.saves += saves
    total.selfStops += selfStops
  }
  return total
}

const slow = { maxDelayMs: 40, faults: 0.06 }
const fast = { maxDelayMs: 3, faults: 0.02 }

test.each([
  ['calls are slow, lost and repeated', { drift: 0.01, network: slow, hasForcedWorkers: false }],
  ['clocks differ by up to 5 % and calls are fast', { drift: 0.05, network: fast, hasForcedWorkers: false }],
  ['some workers do not wait', { drift: 0.01, network: slow, hasForcedWorkers: true }],
])(
  `while %s, no two workers rely on the lease, no epoch repeats and no record is lost (seed ${SEED})`,
  {
    timeout: 60_000 + PLAYS * 1_000,
  },
  async (_, options) => {
    const total = await playAll(options)
    console.info(`standby model: ${JSON.stringify(total)}`)
    // Otherwise the test would show nothing. Most runs reach more than twice as much.
    expect(total.takeovers).toBeGreaterThan(PLAYS * 2)
    expect(total.selfStops).toBeGreaterThan(PLAYS)
    expect(total.saves).toBeGreaterThan(PLAYS * 10)
  },
)

test('a seed leads to the same play every time', async () => {
  const playOnce = (seed: number) => play({ seed, drift: 0.01, network: slow, hasForcedWorkers: false })
  for (const seed of [1, 2, 3]) expect(await playOnce(seed)).toEqual(await playOnce(seed))
})
