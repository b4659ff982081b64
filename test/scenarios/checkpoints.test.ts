import { expect, it } from 'vitest'
import type { StreamToken } from '../../src/index.ts'
import type { ManualClock } from '../../src/testing/index.ts'
import { opened } from './opened.ts'

/** The clock of a process that can be killed: none of its timers fires any more. */
function mortal(clock: ManualClock) {
  let isDead = false
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimer: (delayMs: number, callback: () => void) =>
      clock.setTimer(delayMs, () => {
        if (!isDead) callback()
      }),
    kill: () => {
      isDead = true
    },
  }
}

it.each([5_000, 3_600_000])(
  'a worker at latest that is killed before its first record loses nothing, with a checkpoint every %i ms',
  async (everyMs) => {
    const world = opened()
    const { clock, store } = world
    world.write(3)
    await clock.advance(5_000)
    const checkpoint = { store, name: 'worker', everyMs }
    const process = mortal(clock)
    const first = await world.start({ startAt: 'latest', clock: process, checkpoint })
    world.collect(first)
    await clock.advance(1_000)
    process.kill()
    const written = world.write(2)
    await clock.advance(10_000)
    const second = await world.start({ startAt: 'latest', checkpoint })
    const { seen } = world.collect(second)
    await clock.advance(30_000)
    expect(seen).toEqual(written)
    await clock.run(second.close())
  },
)

it('openStream rejects, and leaves nothing behind, when its first position cannot be saved', async () => {
  const world = opened()
  const { clock } = world
  const store = {
    load: async () => undefined,
    save: async () => {
      throw new Error('disk full')
    },
  }
  const opening = world.start({ checkpoint: { store, name: 'worker' } })
  await expect(opening).rejects.toMatchObject({ code: 'checkpoint.failed' })
  expect(clock.untilNextTimer).toBeUndefined()
})

it('a position that was loaded is not saved again before anything was read', async () => {
  const world = opened()
  const { clock, store } = world
  world.write(2)
  const first = await world.start()
  expect(await world.take(first, 2)).toEqual([0, 1])
  await clock.run(first.close())
  const saves: StreamToken[] = []
  const counting = {
    load: (name: string) => store.load(name),
    save: async (_: string, token: StreamToken) => void saves.push(token),
  }
  const second = await world.start({ checkpoint: { store: counting, name: 'worker' } })
  expect(saves).toEqual([])
  await clock.run(second.close())
})

it('the end of a shard is saved though no record follows, so that the checkpoint does not name it for ever', async () => {
  const world = opened({ shards: 2 })
  const { clock, emulator, store } = world
  world.write(4)
  const stream = await world.start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
  world.collect(stream)
  await clock.advance(60_000)
  const [closed] = emulator.openShards
  const saved = async () => {
    const token = (await store.load('worker')) as StreamToken
    return token.shards.find(({ shardId }) => shardId === closed?.shardId)?.at
  }
  expect(await saved()).toHaveProperty('after')
  emulator.closeShard(closed)
  await clock.advance(120_000)
  expect(await saved()).toHaveProperty('end')
  await clock.run(stream.close())
})

it('a move to a position at which no shard is opened is saved like any other', async () => {
  const world = opened()
  const { clock, emulator, store } = world
  world.write(2)
  emulator.disable()
  const reader = world.open()
  await clock.run(reader.moveTo('trim_horizon'))
  while (!reader.ended) await clock.run(reader.next())
  const stream = await world.start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
  await clock.run(stream.moveTo(reader.token))
  await clock.advance(2_000)
  expect(await store.load('worker')).toEqual(reader.token)
  await clock.run(stream.close())
})

it('a store that throws when it is asked for the checkpoint has opening fail with checkpoint.failed', async () => {
  const world = opened()
  const store = {
    load: () => {
      throw new Error('not a promise')
    },
    save: async () => {},
  }
  const opening = world.start({ checkpoint: { store, name: 'worker' } })
  await expect(opening).rejects.toMatchObject({ code: 'checkpoint.failed' })
})
