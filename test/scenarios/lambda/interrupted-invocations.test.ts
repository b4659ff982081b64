import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DeadLetter, StreamRecord } from '../../../src/index.ts'
import { lambdaHandler } from '../../../src/lambda/index.ts'
import { emulateEventSourceMapping, ManualClock, StreamEmulator } from '../../../src/testing/index.ts'

interface History {
  /** The items that are written, in order. */
  readonly writes: readonly number[]
  /** What attempts do, one after the other, whichever record they are for. The last one is repeated. */
  readonly attempts: readonly {
    readonly durationMs: number
    readonly what: 'succeed' | 'fail' | 'reject'
    readonly obeysSignal: boolean
  }[]
  /** Which calls of the destination fail, and how long they take. */
  readonly sends: readonly { readonly fails: boolean; readonly durationMs: number }[]
  readonly order: 'key' | 'shard'
  readonly onFirstFailure: 'stop' | 'continue'
  readonly isBatch: boolean
  readonly concurrency: number
  readonly minDelayMs: number
  readonly timeoutMs: number
  readonly batchSize: number
}

const histories: fc.Arbitrary<History> = fc.record({
  writes: fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }),
  attempts: fc
    .array(
      fc.record({
        durationMs: fc.nat(1_500),
        what: fc.constantFrom('succeed', 'succeed', 'fail', 'reject'),
        obeysSignal: fc.boolean(),
      }),
      { maxLength: 30 },
    )
    .map((attempts) => [...attempts, { durationMs: 10, what: 'succeed' as const, obeysSignal: true }]),
  sends: fc
    .array(fc.record({ fails: fc.boolean(), durationMs: fc.nat(1_500) }), { maxLength: 10 })
    .map((sends) => [...sends, { fails: false, durationMs: 10 }]),
  order: fc.constantFrom('key', 'shard'),
  onFirstFailure: fc.constantFrom('stop', 'continue'),
  isBatch: fc.boolean(),
  concurrency: fc.integer({ min: 1, max: 4 }),
  minDelayMs: fc.constantFrom(50, 200, 1_500),
  timeoutMs: fc.integer({ min: 500, max: 5_000 }),
  batchSize: fc.integer({ min: 1, max: 20 }),
})

interface Change {
  readonly id: string
  readonly number: number
}

async function play(history: History) {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  for (const [number, item] of history.writes.entries()) emulator.put({ id: `item-${item}`, number })
  emulator.disable()
  /** The records of each item that were handled or whose letters were accepted, in that order. */
  const done: number[][] = [[], [], [], []]
  const running = new Set<number>()
  const problems: string[] = []
  let attempts = 0
  let sends = 0

  const finish = ({ newImage }: StreamRecord<Change>) => {
    const { number = -1 } = newImage ?? {}
    const seen = done[history.writes[number] ?? 0]
    if (!seen?.includes(number)) seen?.push(number)
  }
  const attempt = async (records: readonly StreamRecord<Change>[], signal: AbortSignal) => {
    const { durationMs, what, obeysSignal } = history.attempts[
      Math.min(attempts++, history.attempts.length - 1)
    ] as History['attempts'][0]
    const numbers = records.map(({ newImage }) => newImage?.number ?? -1)
    const items = new Set(numbers.map((number) => history.writes[number] ?? 0))
    for (const number of numbers) {
      const item = history.writes[number] ?? 0
      const isAhead = (other: number) =>
        history.writes[other] === item && !done[item]?.includes(other) && !numbers.includes(other)
      const skipped = Array.from({ length: number }, (_, other) => other).filter(isAhead)
      if (skipped.length > 0) problems.push(`record ${number} before ${skipped}`)
    }
    if (obeysSignal) {
      // What ignores its signal can still run when Lambda invokes the function again.
      for (const item of items) {
        if (running.has(item)) problems.push(`two attempts of item ${item} at a time`)
        running.add(item)
      }
    }
    await new Promise<void>((resolve) => {
      const cancel = clock.setTimer(durationMs, resolve)
      if (!obeysSignal) return
      signal.addEventListener('abort', () => {
        cancel()
        resolve()
      })
    })
    if (obeysSignal) for (const item of items) running.delete(item)
    if (signal.aborted || what === 'fail') throw new Error('The handler has failed.')
    return what
  }
  const handler = lambdaHandler<Change>(
    history.isBatch
      ? {
          batchSize: 5,
          batch: async (records, { signal, reject }) => {
            const isRejecting = (await attempt(records, signal)) === 'reject'
            if (isRejecting) reject(records[0] as StreamRecord<Change>, 'no')
            for (const record of isRejecting ? records.slice(1) : records) finish(record)
          },
        }
      : async (record, { signal, reject }) => {
          if ((await attempt([record], signal)) === 'reject') reject('no')
          finish(record)
        },
    {
      clock,
      order: history.order,
      onFirstFailure: history.onFirstFailure,
      concurrency: history.concurrency,
      retry: { minDelayMs: history.minDelayMs },
      random: () => 0.5,
      logger: { warn: () => {} },
      onFailure: async ({ records: [record] }: DeadLetter) => {
        const { fails, durationMs } = history.sends[
          Math.min(sends++, history.sends.length - 1)
        ] as History['sends'][0]
        await new Promise<void>((resolve) => void clock.setTimer(durationMs, resolve))
        if (fails) throw new Error('The destination has failed.')
        finish(record as StreamRecord<Change>)
      },
    },
  )
  const mapping = emulateEventSourceMapping({
    emulator,
    clock,
    timeoutMs: history.timeoutMs,
    handler,
    BatchSize: history.batchSize,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  })
  await clock.run(mapping.drain())
  await mapping.close()
  return { done, problems, discarded: mapping.discarded, invocations: mapping.invocations }
}

describe('a function of lambdaHandler whose invocations are cut short, and whose destination fails', () => {
  it('loses no record, and handles the records of each item in order', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const { done, problems, discarded, invocations } = await play(history)
        expect(problems).toEqual([])
        expect(discarded).toEqual([])
        // The reserve leaves enough time for the response, however short the timeout is.
        expect(invocations.filter(({ outcome }) => outcome === 'timedOut')).toEqual([])
        const written = [0, 1, 2, 3].map((item) =>
          history.writes.flatMap((other, number) => (other === item ? [number] : [])),
        )
        // In a batch, later records of an item are handled before the letter of a rejected one is accepted.
        if (!history.isBatch) expect(done).toEqual(written)
        else expect(done.map((numbers) => [...numbers].sort((a, b) => a - b))).toEqual(written)
      }),
      { seed: Number(process.env.INTERRUPTED_SEED ?? 1), numRuns: 150 },
    )
  })
})
