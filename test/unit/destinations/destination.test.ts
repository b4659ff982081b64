import { expect, test } from 'vitest'
import { toDestinationObject } from '../../../src/destinations/destination.ts'
import { letterOf } from '../../support/dead-letters.ts'

test('a function becomes the send() of a destination object', async () => {
  const sent: unknown[] = []
  const destination = toDestinationObject(async (letter) => void sent.push(letter))
  const letter = letterOf()
  await destination.send(letter)
  expect(sent).toEqual([letter])
  expect([destination.check, destination.close]).toEqual([undefined, undefined])
})

test('an object is used as it is, so the methods of a class keep their this', () => {
  class TableDestination {
    async send(): Promise<void> {}
  }
  const destination = new TableDestination()
  expect(toDestinationObject(destination)).toBe(destination)
})
