import { describe, expect, test } from 'vitest'
import { Orders } from '../../../../src/cli/demo/orders.ts'
import { seededRandom } from '../../../../src/testing/emulator/state/random.ts'

describe('the orders of the demo', () => {
  test('each order is written version by version and deleted after the last one', () => {
    const orders = new Orders(seededRandom(1, 'orders'))
    const versions = new Map<string, number>()
    const deleted = new Set<string>()
    for (let round = 0; round < 400; round++) {
      const changes = orders.next(10)
      expect(new Set(changes.map(({ orderId }) => orderId)).size).toBe(10)
      for (const { orderId, version, item } of changes) {
        expect(deleted.has(orderId)).toBe(false)
        expect(version).toBe((versions.get(orderId) ?? 0) + 1)
        if (item) expect(item).toMatchObject({ orderId, version })
        else deleted.add(orderId)
        versions.set(orderId, version)
      }
      orders.onWritten(changes)
    }
    expect(orders.writes).toEqual(versions)
    expect(orders.written).toBe(4_000)
    expect(deleted.size).toBeGreaterThan(100)
  })
})
