import { expect, it } from 'vitest'
import type { BatchContext, StreamRecord } from '../../../src/index.ts'
import { numberOf, workerFixture } from './worker.ts'

it('what a batch has handled after a rejected record of the same key, which stops the run, does not run again', async () => {
  const { clock, put, work } = workerFixture()
  for (let n = 0; n < 3; n++) put('a')
  const handled: number[] = []
  let isFixed = false
  const handler = {
    batch: (records: readonly StreamRecord[], { reject }: BatchContext) => {
      for (const record of records) {
        if (numberOf(record) === 1 && !isFixed) reject(record, 'broken')
        else handled.push(numberOf(record))
      }
    },
  }
  const { run, stream } = await work(handler)
  await expect(clock.run(run)).rejects.toMatchObject({ code: 'handler.failed' })
  await clock.run(stream.close())
  expect(handled).toEqual([0, 2])
  isFixed = true
  const { stop } = await work(handler)
  await clock.advance(5_000)
  expect(handled).toEqual([0, 2, 1])
  await stop()
})
