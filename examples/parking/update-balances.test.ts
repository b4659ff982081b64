import { memoryCheckpointStore, memoryParkingStore, openStream } from 'dynamodb-stream-iterator'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import { type Booking, releaseAll, updateBalances } from './update-balances.ts'

const MINUTES_20 = 20 * 60_000

test('an account is blocked until a fix is deployed, and then all its bookings are made', async () => {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, keySchema: { hash: 'account' } })
  const checkpoints = memoryCheckpointStore()
  const parking = memoryParkingStore()
  const booked: Booking[] = []
  const amountsOf = (account: string) =>
    booked.filter((booking) => booking.account === account).map(({ amount }) => amount)
  const open = () =>
    openStream<Booking>({
      client: emulator.client(),
      streamArn: emulator.streamArn,
      checkpoint: { store: checkpoints, name: 'balances' },
      clock,
    })

  // A bug: negative amounts are refused.
  const first = await open()
  const buggy = updateBalances(
    first,
    async (booking) => {
      if (booking.amount < 0) throw new RangeError('The amount is negative.')
      booked.push(booking)
    },
    parking,
  )
  emulator.put({ account: 'ada', amount: 100 })
  emulator.put({ account: 'ada', amount: -30 })
  for (let n = 0; n < 3; n++) {
    emulator.put({ account: 'ada', amount: 1 + n })
    emulator.put({ account: 'grace', amount: 10 * (1 + n) })
    await clock.advance(MINUTES_20)
  }
  expect(amountsOf('ada')).toEqual([100])
  expect(amountsOf('grace')).toEqual([10, 20, 30])
  await clock.run(buggy.stop())
  await first.close()

  // The fix is deployed, and the operator releases what is parked.
  const second = await open()
  const fixed = updateBalances(second, async (booking) => void booked.push(booking), parking)
  expect(await releaseAll(parking, 'balances')).toBe(1)
  emulator.put({ account: 'ada', amount: 4 })
  await clock.advance(60_000)
  expect(amountsOf('ada')).toEqual([100, -30, 1, 2, 3, 4])
  emulator.put({ account: 'ada', amount: 5 })
  await clock.advance(60_000)
  expect(amountsOf('ada')).toEqual([100, -30, 1, 2, 3, 4, 5])
  expect(await releaseAll(parking, 'balances')).toBe(0)
  await clock.run(fixed.stop())
  await second.close()
})
