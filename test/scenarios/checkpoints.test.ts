import { expect, it } from 'vitest'
import type { StreamToken } from '../../src/index.ts'
import type { ManualClock } from '../../src/testing/index.ts'
import { streamFixture } from '../support/stream-fixture.ts'

/** The clock of a process that can be killed: after `kill()`, none of its timers fires. */
function killableClock(clock: ManualClock) {
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
  'a worker that starts at latest and is killed before its first record loses nothing (checkpoint every %i ms)',
  async (everyMs) => {
    const fixture = streamFixture()
    const { clock, store } = fixture
    fixture.write(3)
    await clock.advance(5_000)
    const checkpoint = { store, name: 'worker', everyMs }
    const process = killableClock(clock)
    const first = await fixture.start({ startAt: 'latest', clock: process, checkpoint })
    fixture.collect(first)
    await clock.advance(1_000)
    process.kill()
    const written = fixture.write(2)
    await clock.advance(10_000)
    const second = await fixture.start({ startAt: 'latest', checkpoint })
    const { seen } = fixture.collect(second)
    await clock.advance(30_000)
    expect(seen).toEqual(written)
    await clock.run(second.close())
  },
)

it('openStream() rejects and leaves no timer behind when its first position cannot be saved', async () => {
  const fixture = streamFixture()
  const { clock } = fixture
  const store = {
    load: async () => undefined,
    save: async () => {
      throw new Error('disk full')
    },
  }
  const opening = fixture.start({ checkpoint: { store, name: 'worker' } })
  await expect(opening).rejects.toMatchObject({ code: 'checkpoint.failed' })
  expect(clock.untilNextTimer).toBeUndefined()
})

it('a loaded checkpoint is not saved again before a record is read', async () => {
  const fixture = streamFixture()
  const { clock, store } = fixture
  fixture.write(2)
  const first = await fixture.start()
  expect(await fixture.take(first, 2)).toEqual([0, 1])
  await clock.run(first.close())
  const saves: StreamToken[] = []
  const counting = {
    load: (name: string) => store.load(name),
    save: async (_: string, token: StreamToken) => void saves.push(token),
  }
  const second = await fixture.start({ checkpoint: { store: counting, name: 'worker' } })
  expect(saves).toEqual([])
  await clock.run(second.close())
})

it('the end of a shard is saved in the checkpoint although no record follows it', async () => {
  const fixture = streamFixture({ shards: 2 })
  const { clock, emulator, store } = fixture
  fixture.write(4)
  const stream = await fixture.start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
  fixture.collect(stream)
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

it('the position of a moveTo() that opens no shard is saved in the checkpoint', async () => {
  const fixture = streamFixture()
  const { clock, emulator, store } = fixture
  fixture.write(2)
  emulator.disable()
  const reader = fixture.open()
  await clock.run(reader.moveTo('trim_horizon'))
  while (!reader.ended) await clock.run(reader.next())
  const stream = await fixture.start({ checkpoint: { store, name: 'worker', everyMs: 1_000 } })
  await clock.run(stream.moveTo(reader.token))
  await clock.advance(2_000)
  expect(await store.load('worker')).toEqual(reader.token)
  await clock.run(stream.close())
})

it('openStream() rejects with checkpoint.failed when load() of the store throws synchronously', async () => {
  const fixture = streamFixture()
  const store = {
    load: () => {
      throw new Error('not a promise')
    },
    save: async () => {},
  }
  const opening = fixture.start({ checkpoint: { store, name: 'worker' } })
  await expect(opening).rejects.toMatchObject({ code: 'checkpoint.failed' })
})
