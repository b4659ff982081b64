import { expect, test } from 'vitest'
import { emulatedTable } from '../../support/emulated-table.ts'
import { drain } from '../../support/read.ts'

async function record() {
  const { clock, emulator, open } = emulatedTable()
  const n = 2n ** 60n
  emulator.put({ id: 'a', n, set: new Set(['x']), bytes: new Uint8Array([1, 2]) })
  const coordinator = open()
  await clock.run(coordinator.moveTo('trim_horizon'))
  const [first] = await drain(coordinator, clock)
  await coordinator.close()
  if (!first) throw new Error('no record')
  return first
}

test('spreading or cloning a record produces an empty object, because its properties are getters', async () => {
  const original = await record()
  expect({ ...original }).toEqual({})
  expect(structuredClone(original)).toEqual({})
})

test('toJSON() returns a plain object that can be cloned', async () => {
  const original = await record()
  const plain = original.toJSON()
  expect(structuredClone(plain)).toEqual(plain)
  expect(plain).toMatchObject({
    eventName: 'INSERT',
    createdAt: original.createdAt,
    keys: { id: 'a' },
    newImage: { id: 'a', n: '1152921504606846976', set: ['x'], bytes: 'AQI=' },
  })
})

test('values picked from a record keep their types when they are cloned', async () => {
  const { keys, newImage } = await record()
  expect(structuredClone({ keys, newImage })).toEqual({
    keys: { id: 'a' },
    newImage: { id: 'a', n: 2n ** 60n, set: new Set(['x']), bytes: new Uint8Array([1, 2]) },
  })
})
