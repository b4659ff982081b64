import { describe, expect, it } from 'vitest'
import { shardPicture } from '../support/shard-picture.ts'

const MINUTE = 60_000
const MiB = 1024 * 1024

describe('an iterator that expires', () => {
  it('an iterator that expires during 20 minutes of throttling is renewed', async () => {
    const { emulator, clock, open, move, drain, drainForLong, write } = shardPicture('a')
    const written = write('a a')
    const reader = open({ pageSize: 1 })
    await move(reader, 'trim_horizon')
    const delivered = [...(await drain(reader))]
    const lift = emulator.on(
      'GetRecords',
      { times: Number.POSITIVE_INFINITY },
      { fail: 'ThrottlingException' },
    )
    written.push(...write('a'))
    for (let minute = 0; minute < 20; minute++) {
      delivered.push(...(await drain(reader)))
      await clock.advance(MINUTE)
    }
    lift()
    expect([...delivered, ...(await drainForLong(reader))]).toEqual(written)
  })

  it('an iterator that expires while seeking a Date is renewed where it was, and no older record is delivered', async () => {
    const { emulator, clock, open, move, drain, write } = shardPicture('a')
    write('a a a a')
    await clock.advance(10_000)
    const since = new Date(clock.now())
    const written = write('a a')
    const reader = open({ pageSize: 1 })
    emulator.on('GetRecords', { nth: 3 }, { fail: 'ExpiredIteratorException' })
    emulator.on('GetRecords', { nth: 5 }, { fail: 'ExpiredIteratorException', message: '' })
    await move(reader, since)
    expect(await drain(reader)).toEqual(written)
  })

  it('an iterator that expires while no caller reads for three hours loses and repeats no record', async () => {
    const { clock, open, move, drain, write, grow } = shardPicture('a b')
    const written = write('a a a b b')
    const reader = open({ pageSize: 2 })
    await move(reader, 'trim_horizon')
    const first = await clock.run(reader.next())
    await clock.advance(3 * 60 * MINUTE)
    grow('a > c')
    written.push(...write('c b'))
    const rest = await drain(reader)
    expect([first?.sequenceNumber === undefined ? '' : 'a1', ...rest].sort()).toEqual([...written].sort())
  })
})

describe('a heartbeat', () => {
  it('a heartbeat completes although the buffer is full and its iterators are about to expire', async () => {
    const { emulator, id, clock, open, move, drain } = shardPicture('a b c d')
    const fill = (letter: string, count: number, bytes: number) => {
      for (let n = 0; n < count; n++)
        emulator.put({ id: emulator.keyForShard(id(letter), n), text: 'x'.repeat(bytes) })
    }
    // After small records the page budget expects more small ones, but large ones follow.
    for (const letter of 'acd') fill(letter, 100, 100)
    for (const letter of 'acd') fill(letter, 10, 300_000)
    await clock.advance(1_000)
    fill('b', 1, 10)
    const reader = open({ maxBufferedBytes: MiB })
    await move(reader, 'trim_horizon')
    let taken = 0
    for (; taken < 250 && reader.buffer.bytes < MiB; taken++) await clock.run(reader.next())
    expect(reader.buffer.bytes).toBeGreaterThanOrEqual(MiB)
    await clock.advance(11 * MINUTE)
    const heartbeat = reader.heartbeat().then(() => 'completed')
    await clock.advance(MINUTE)
    expect(await Promise.race([heartbeat, Promise.resolve('pending')])).toBe('completed')
    expect((await drain(reader)).length).toBe(331 - taken)
  })
})
