import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileParkingStore } from '../../../src/parking/file.ts'
import { memoryParkingStore } from '../../../src/parking/memory.ts'
import type { ParkingStore } from '../../../src/parking/parking-store.ts'
import { parkingStoreContract } from '../../../src/testing/contracts/parking-store.ts'
import { flawedStore, flaws } from './flawed-store.ts'

describe('memoryParkingStore', () => {
  const store = memoryParkingStore()
  for (const { title, run } of parkingStoreContract(() => store)) test(title, run)
})

describe('fileParkingStore', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parking-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  for (const { title, run } of parkingStoreContract(() => fileParkingStore(folder))) test(title, run)
})

describe('parkingStoreContract', () => {
  async function runAll(store: ParkingStore): Promise<void> {
    for (const { run } of parkingStoreContract(() => store)) await run()
  }

  test('the contract is fulfilled by the flawed store without its flaws', async () => {
    await expect(runAll(flawedStore())).resolves.toBeUndefined()
  })

  test.each(flaws)('the contract fails for a parking store that %s', async (flaw) => {
    await expect(runAll(flawedStore(flaw))).rejects.toThrow()
  })

  test('parkingStoreContract() without a function is refused', () => {
    expect(() => parkingStoreContract({} as never)).toThrow(
      expect.objectContaining({
        code: 'options.invalid',
        details: expect.objectContaining({ option: 'createStore' }),
      }),
    )
  })
})
