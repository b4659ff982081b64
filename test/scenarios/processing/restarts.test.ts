import { describe, expect, it } from 'vitest'
import {
  type BatchContext,
  type DeadLetter,
  processStream,
  type RecordContext,
  type StreamRecord,
} from '../../../src/index.ts'
import { keyOf, numberOf, workerFixture } from './worker.ts'

describe('processStream after a restart', () => {
  it('counts the attempts of a record over three restarts, and gives it up at maxAttempts', async () => {
    const { clock, put, work } = workerFixture()
    put('a')
    const attempts: number[] = []
    const letters: DeadLetter[] = []
    const handler = (_: StreamRecord, { attempt }: RecordContext) => {
      attempts.push(attempt)
      throw new Error('broken')
    }
    const options = {
      retry: { maxAttempts: 7, delayMs: () => 1_000 },
      onFailure: async (letter: DeadLetter) => void letters.push(letter),
    }
    for (let restart = 0; restart < 4; restart++) {
      const worker = await work(handler, options)
      await clock.advance(1_900)
      await worker.stop()
    }
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(letters.map(({ failure }) => failure.attempts)).toEqual([7])
    const last = await work(handler, options)
    await clock.advance(60_000)
    expect(attempts).toHaveLength(7)
    await last.stop()
  })

  it('keeps firstAttemptAt of the first process', async () => {
    const { clock, put, work } = workerFixture()
    put('a')
    const times: number[] = []
    const handler = (_: StreamRecord, { firstAttemptAt }: RecordContext) => {
      times.push(firstAttemptAt.getTime())
      throw new Error('broken')
    }
    for (let restart = 0; restart < 2; restart++) {
      const worker = await work(handler)
      await clock.advance(3_000)
      await worker.stop()
    }
    expect(times.length).toBeGreaterThan(3)
    expect(new Set(times).size).toBe(1)
  })

  it('neither finished tasks nor settled records run again', async () => {
    const { clock, put, work } = workerFixture()
    for (const key of ['a', 'b', 'a', 'c']) put(key)
    const calls: string[] = []
    let isBroken = true
    const task = (name: string) => (record: StreamRecord) => {
      calls.push(`${name} ${numberOf(record)}`)
      if (name === 'mail' && isBroken && numberOf(record) === 0) throw new Error('broken')
    }
    const tasks = { index: task('index'), mail: task('mail') }
    const first = await work({ tasks })
    await clock.advance(5_000)
    await first.stop()
    expect(calls.filter((call) => call === 'index 0')).toHaveLength(1)
    calls.length = 0
    isBroken = false
    const second = await work({ tasks })
    await clock.advance(5_000)
    await second.stop()
    expect(calls).toEqual(['mail 0', 'index 2', 'mail 2'])
  })

  it('a record that ends the process each time is given up as WorkerLost once its attempts are used up', async () => {
    const { clock, put, work } = workerFixture()
    put('fatal')
    for (let n = 0; n < 5; n++) put(`other-${n}`)
    const attempts: number[] = []
    const handled: number[] = []
    const letters: DeadLetter[] = []
    const handler = async (record: StreamRecord, { attempt }: RecordContext) => {
      if (keyOf(record) !== 'fatal') {
        handled.push(numberOf(record))
        return
      }
      attempts.push(attempt)
      // The process ends here: nothing of this worker happens any more.
      await new Promise(() => {})
    }
    const options = {
      retry: { maxAttempts: 3 },
      onFailure: async (letter: DeadLetter) => void letters.push(letter),
    }
    for (let crash = 0; crash < 3; crash++) {
      const worker = await work(handler, options)
      await clock.advance(3_000)
      worker.crash()
    }
    expect(attempts).toEqual([1, 2, 3])
    put('fatal')
    const last = await work((record: StreamRecord) => void handled.push(numberOf(record)), options)
    await clock.advance(3_000)
    expect(letters.map(({ condition, failure }) => [condition, failure.attempts])).toEqual([
      ['WorkerLost', 3],
    ])
    expect(letters[0]?.failure).not.toHaveProperty('error')
    expect(handled.sort()).toEqual([1, 2, 3, 4, 5, 6])
    expect(last.run.counters).toMatchObject({ deadLettered: { workerLost: 1 }, handled: 1 })
    await last.stop()
  })

  it('a worker that is stopped while a record runs does not make the record look as if it ended the process', async () => {
    const { clock, put, work } = workerFixture()
    put('slow')
    const attempts: number[] = []
    const letters: DeadLetter[] = []
    const options = {
      retry: { maxAttempts: 2 },
      drainTimeoutMs: 100,
      abandonAfterMs: 100,
      onFailure: async (letter: DeadLetter) => void letters.push(letter),
    }
    for (let restart = 0; restart < 6; restart++) {
      const worker = await work((_: StreamRecord, { attempt }: RecordContext) => {
        attempts.push(attempt)
        return new Promise(() => {})
      }, options)
      await clock.advance(5_000)
      await worker.stop()
    }
    expect(attempts).toEqual([1, 1, 1, 1, 1, 1])
    expect(letters).toEqual([])
  })

  it('a rejected record whose dead letter was not accepted runs again, but not the later ones of its key', async () => {
    const { clock, put, work } = workerFixture()
    for (const key of ['a', 'a', 'a', 'b']) put(key)
    const batches: number[][] = []
    const handler = {
      batch: (records: readonly StreamRecord[], context: BatchContext) => {
        batches.push(records.map(numberOf))
        for (const record of records) if (numberOf(record) === 0) context.reject(record, 'no')
      },
    }
    const first = await work(handler, {
      onFailure: async () => {
        throw new Error('down')
      },
    })
    await clock.advance(5_000)
    await first.stop()
    expect(batches).toEqual([[0, 1, 2, 3]])
    const sent: number[] = []
    const second = await work(handler, {
      onFailure: async ({ records }: DeadLetter) => void sent.push(...records.map(numberOf)),
    })
    await clock.advance(5_000)
    await second.stop()
    expect(batches).toEqual([[0, 1, 2, 3], [0]])
    expect(sent).toEqual([0])
  })

  it('processes a key in order over a parent, its child and its grandchild, if the child is done already', async () => {
    const { clock, emulator, put, work } = workerFixture()
    put('a')
    put('b')
    emulator.roll()
    put('b')
    emulator.roll()
    put('a')
    put('b')
    put('a')
    const first = await work((record: StreamRecord) => {
      if (keyOf(record) === 'a') throw new Error('broken')
    })
    await clock.advance(20_000)
    await first.stop()
    const seen: number[] = []
    const second = await work((record: StreamRecord) => void seen.push(numberOf(record)))
    await clock.advance(20_000)
    await second.stop()
    expect(seen).toEqual([0, 3, 5])
  })

  it("with order: 'shard', continues with the first unsettled record, and no child starts before its parent is done", async () => {
    const { clock, emulator, put, work } = workerFixture()
    for (const key of ['a', 'b', 'c']) put(key)
    emulator.roll()
    emulator.roll()
    for (const key of ['a', 'd']) put(key)
    const started: number[] = []
    const first = await work(
      (record: StreamRecord) => {
        started.push(numberOf(record))
        if (numberOf(record) === 1) throw new Error('broken')
      },
      { order: 'shard' },
    )
    await clock.advance(20_000)
    await first.stop()
    expect(new Set(started)).toEqual(new Set([0, 1]))
    const seen: [number, number][] = []
    const second = await work(
      (record: StreamRecord, { attempt }: RecordContext) => void seen.push([numberOf(record), attempt]),
      { order: 'shard' },
    )
    await clock.advance(20_000)
    await second.stop()
    expect(seen.map(([n]) => n)).toEqual([1, 2, 3, 4])
    expect(seen[0]?.[1]).toBe(started.length)
  })

  it.each([
    ['none', 'key'],
    ['key', 'none'],
    ['none', 'shard'],
    ['key', 'shard'],
    ['shard', 'none'],
    ['shard', 'key'],
  ])(
    "after a change from order '%s' to '%s', nothing that was settled runs again and nothing is lost",
    async (before, after) => {
      const { clock, put, work } = workerFixture()
      for (let n = 0; n < 12; n++) put(`key-${n % 3}`)
      const handled: number[] = []
      const attempts = new Map<number, number>()
      const first = await work(
        (record: StreamRecord, { attempt }: RecordContext) => {
          const n = numberOf(record)
          attempts.set(n, attempt)
          if (n === 4 || n === 7) throw new Error('broken')
          handled.push(n)
        },
        { order: before },
      )
      await clock.advance(10_000)
      await first.stop()
      const again = new Map<number, number>()
      const second = await work(
        (record: StreamRecord, { attempt }: RecordContext) => {
          again.set(numberOf(record), attempt)
          handled.push(numberOf(record))
        },
        { order: after },
      )
      await clock.advance(10_000)
      await second.stop()
      expect([...handled].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => n))
      for (const [n, attempt] of again) {
        const isFailing = (n === 4 || n === 7) && attempts.has(n)
        expect(attempt).toBe(isFailing ? (attempts.get(n) as number) + 1 : 1)
      }
    },
  )

  it('a second run over the same open stream keeps the attempts and the finished tasks of the first', async () => {
    const { clock, put, work } = workerFixture()
    put('a')
    const calls: string[] = []
    const attempts: number[] = []
    let isBroken = true
    const handler = {
      tasks: {
        index: () => void calls.push('index'),
        mail: (_: StreamRecord, { attempt }: RecordContext) => {
          calls.push('mail')
          attempts.push(attempt)
          if (isBroken) throw new Error('broken')
        },
      },
    }
    const first = await work(handler, { retry: { delayMs: () => 1_000 } })
    await clock.advance(2_500)
    await clock.run(first.run.stop())
    expect(attempts).toEqual([1, 2, 3])
    isBroken = false
    calls.length = 0
    const second = processStream(first.stream, handler)
    await clock.advance(2_000)
    await clock.run(second.stop())
    expect(calls).toEqual(['mail'])
    expect(attempts).toEqual([1, 2, 3, 4])
    await clock.run(first.stream.close())
  })

  it.each(['stop', 'crash'])(
    'a task that has finished does not run again after a %s, although another task was still running',
    async (how) => {
      const { clock, put, work } = workerFixture()
      put('a')
      const calls: string[] = []
      const handler = {
        tasks: {
          index: () => void calls.push('index'),
          mail: () => {
            calls.push('mail')
            return new Promise(() => {})
          },
        },
      }
      const first = await work(handler)
      await clock.advance(60_000)
      if (how === 'stop') await first.stop()
      else first.crash()
      expect(calls).toEqual(['index', 'mail'])
      const second = await work(handler)
      await clock.advance(60_000)
      await second.stop()
      expect(calls).toEqual(['index', 'mail', 'mail'])
    },
  )

  it('a plain loop after a run delivers what the run has not settled, and then what follows', async () => {
    const { clock, put, work, take } = workerFixture()
    for (const key of ['a', 'b', 'a']) put(key)
    const worker = await work((record: StreamRecord) => {
      if (keyOf(record) === 'a') throw new Error('broken')
    })
    await clock.advance(2_000)
    await clock.run(worker.run.stop())
    put('c')
    expect(await take(worker.stream, 3)).toEqual([0, 2, 3])
    await clock.run(worker.stream.close())
  })
})
