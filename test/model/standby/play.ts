import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { LeaseKeeper, type RenewableLease } from '../../../src/checkpoints/lease-keeper.ts'
import { momentOf } from '../../../src/checkpoints/lease-term.ts'
import { sleep } from '../../../src/core/clock.ts'
import type { StreamToken } from '../../../src/position/token.ts'
import { awaitLease } from '../../../src/stream/await-lease.ts'
import { seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { FakeTable } from '../../support/fake-table.ts'
import { numberedToken, numberIn } from '../../support/numbered-token.ts'
import { type NetworkOptions, networkOf } from './network.ts'
import { Process, World } from './world.ts'

export interface PlayOptions {
  readonly seed: number
  /** How much the rates of clocks differ from real time, such as 0.05. */
  readonly drift: number
  readonly network: NetworkOptions
  /** Whether some workers take over by force, which can overlap with the active worker for a while. */
  readonly hasForcedWorkers: boolean
}

/** What has happened in one play. */
export interface PlaySummary {
  readonly takeovers: number
  readonly saves: number
  readonly selfStops: number
}

const LEASE_MS = 1_000
const DURATION_MS = 20_000
const WORKERS = 3
const NAME = 'worker'

// An import would return the mock.
const { gunzipSync } = process.getBuiltinModule('node:zlib')

/** A worker that has acquired the lease. */
interface Holder {
  readonly process: Process
  readonly keeper: LeaseKeeper
}

/**
 * Lets three workers compete for a checkpoint, with the code of the library, over a network that loses,
 * delays and repeats calls, while processes are suspended, cut off and killed.
 *
 * @throws Error that names the seed if a guarantee is violated.
 */
export async function play(options: PlayOptions): Promise<PlaySummary> {
  const { seed, drift, network, hasForcedWorkers } = options
  const world = new World(seededRandom(seed, 'standby'))
  const table = new FakeTable()
  const holders = new Set<Holder>()
  const sessions = new Map<string, string>()
  const handled = new Set<number>()
  /** The highest number in a token that was stored. */
  let saved = 0
  let started = 0
  let summary = { takeovers: 0, saves: 0, selfStops: 0 }
  let violation: string | undefined
  const count = (what: keyof PlaySummary) => {
    summary = { ...summary, [what]: summary[what] + 1 }
  }
  const violate = (what: string) => {
    violation ??= `${what} (seed ${seed}, drift ${drift}, at ${Math.round(world.now)} ms)`
  }

  /** After each call: an epoch belongs to one session, and the stored token never goes back. */
  const checkHead = () => {
    const head = table.get(NAME, 'head')
    const chunk = head?.chunkPrefix && table.get(NAME, `${head.chunkPrefix.S}.00000`)
    const packed = head?.data?.B ?? chunk?.data?.B
    const stored = packed ? (numberIn(JSON.parse(gunzipSync(packed).toString())) ?? 0) : 0
    if (stored < saved) violate(`the token went back from ${saved} to ${stored}`)
    saved = Math.max(saved, stored)
    const [epoch, session] = [head?.epoch?.N ?? '0', head?.session?.S ?? '']
    if ((sessions.get(epoch) ?? session) !== session) violate(`epoch ${epoch} was granted twice`)
    sessions.set(epoch, session)
  }
  /** Whether more than one process that can run would process a record now. */
  const checkHolders = () => {
    if (hasForcedWorkers) return
    const active = [...holders].filter(({ process, keeper }) => process.isAwake(world) && keeper.mayDeliver)
    if (active.length > 1) violate('two workers are active')
  }

  const acquire = async (process: Process) => {
    const { clock } = process
    const client = table.client(networkOf(world, process, network, checkHead))
    const store = dynamoDBCheckpointStore({ client, tableName: 'checkpoints', owner: process.name, clock })
    if (hasForcedWorkers && world.chance(0.2)) {
      const sentAt = momentOf(clock)
      return { lease: await store.lease(NAME, { leaseMs: LEASE_MS }), sentAt }
    }
    const { signal } = new AbortController()
    const ignore = () => {}
    const { random } = world
    return awaitLease(store, {
      ...{ name: NAME, leaseMs: LEASE_MS, clock, random, signal },
      ...{ onStandby: ignore, onResponse: ignore, onRetry: ignore },
    })
  }

  const work = async (process: Process) => {
    const { clock } = process
    const { lease, sentAt } = await acquire(process)
    const options = { name: NAME, leaseMs: LEASE_MS, clock, sentAt, onRetry: () => {} }
    const keeper = new LeaseKeeper(lease as RenewableLease, options)
    const holder = { process, keeper }
    holders.add(holder)
    count('takeovers')
    checkHolders()
    let number = numberIn(lease.token as StreamToken | undefined) ?? 0
    const stopsAt = world.now + world.between(500, 20_000)
    const idle = new AbortController().signal
    while (!keeper.lost.aborted && world.now < stopsAt) {
      if (keeper.mayDeliver) {
        checkHolders()
        handled.add(++number)
        // Some shards, so that the token is stored in chunks, and the lease is renewed while it is saved.
        const token = numberedToken(number, world.chance(0.02) ? 400 : 1)
        await keeper.save(token).then(
          () => count('saves'),
          () => {},
        )
        await sleep(clock, world.between(20, 800), idle)
      } else await keeper.renewed(idle)
    }
    if (keeper.lost.aborted) count('selfStops')
    holders.delete(holder)
    if (world.chance(0.8)) await keeper.release().catch(() => {})
  }

  const start = () => {
    const process = new Process(world, {
      name: `worker-${started++}`,
      rate: 1 + world.pick([-1, 1, world.between(-1, 1)]) * drift,
      standsStill: world.chance(0.5),
    })
    const run = async (): Promise<void> => {
      await work(process).catch(() => {})
      await sleep(process.clock, world.between(10, 300))
      return run()
    }
    void run()
    const interfere = () => {
      if (process.isDead) return
      const roll = world.random()
      if (roll < 0.4) process.suspend(world, world.between(0, world.chance(0.5) ? 700 : 4_000))
      else if (roll < 0.85) process.cutOffUntil = world.now + world.between(200, 4_000)
      else {
        process.isDead = true
        for (const holder of holders) if (holder.process === process) holders.delete(holder)
        world.after(world.between(0, 500), start)
      }
      world.after(world.between(500, 6_000), interfere)
    }
    world.after(world.between(500, 6_000), interfere)
  }
  for (let worker = 0; worker < WORKERS; worker++) world.after(world.between(0, 50), start)
  for (let until = 100; until <= DURATION_MS && violation === undefined; until += 100) {
    await world.runUntil(until)
  }
  for (let number = 1; number <= saved; number++) {
    if (!handled.has(number)) violate(`record ${number} was lost`)
  }
  if (violation !== undefined) throw new Error(violation)
  return summary
}
