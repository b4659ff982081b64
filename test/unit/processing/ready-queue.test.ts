import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReadyQueue } from '../../../src/processing/ready-queue.ts'

const items = fc.uniqueArray(fc.record({ ordinal: fc.nat(500), isFailing: fc.boolean() }), {
  selector: ({ ordinal }) => ordinal,
})

describe('ReadyQueue', () => {
  it('returns what can start, oldest first, whether or not it has failed', () => {
    fc.assert(
      fc.property(items, (added) => {
        const queue = new ReadyQueue()
        for (const item of added) queue.add(item)
        const taken = added.map(() => queue.take(true))
        expect(taken).toEqual([...added].sort((a, b) => a.ordinal - b.ordinal))
        expect(queue.take(true)).toBeUndefined()
        expect(queue.size).toBe(0)
      }),
      { seed: 5 },
    )
  })

  it('returns only what has failed while nothing new may start, and keeps the rest', () => {
    fc.assert(
      fc.property(items, (added) => {
        const queue = new ReadyQueue()
        for (const item of added) queue.add(item)
        const failing = added.filter(({ isFailing }) => isFailing).sort((a, b) => a.ordinal - b.ordinal)
        expect(failing.map(() => queue.take(false))).toEqual(failing)
        expect(queue.take(false)).toBeUndefined()
        expect(queue.size).toBe(added.length - failing.length)
      }),
      { seed: 6 },
    )
  })
})
