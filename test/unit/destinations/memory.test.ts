import { expect, test } from 'vitest'
import { memoryDestination } from '../../../src/destinations/memory.ts'
import { letterOf } from '../../support/dead-letters.ts'

test('letters are kept in the order in which they were accepted, also in an array that was read before', async () => {
  const { letters, send } = memoryDestination()
  const [first, second] = [letterOf(), letterOf({ task: 'mail' })]
  await send(first)
  await send(second)
  expect(letters).toEqual([first, second])
  expect(letters[0]).toBe(first)
})

test('a letter that is sent again replaces the earlier one, in its place', async () => {
  const destination = memoryDestination()
  const repeat = letterOf({ attempts: 4, error: 'another' })
  const other = letterOf({ task: 'mail' })
  await destination.send(letterOf())
  await destination.send(other)
  await destination.send(repeat)
  expect(destination.letters).toEqual([repeat, other])
})

test('the letters of two memory destinations are independent', async () => {
  const [one, other] = [memoryDestination(), memoryDestination()]
  await one.send(letterOf())
  expect([one.letters.length, other.letters.length]).toEqual([1, 0])
})
