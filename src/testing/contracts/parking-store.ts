import { aFunction } from '../options/check-options.ts'
import type { ContractCase } from './checkpoint-store.ts'
import { type CreateParkingStore, ParkingBench } from './parking/bench.ts'
import { fencingCases } from './parking/fencing-cases.ts'
import { isolationCases } from './parking/isolation-cases.ts'
import { keyCases } from './parking/key-cases.ts'
import { readerCases } from './parking/reader-cases.ts'
import { recordCases } from './parking/record-cases.ts'
import { requestCases } from './parking/request-cases.ts'

export type { CreateParkingStore } from './parking/bench.ts'

/**
 * Returns the contract of a parking store as cases for any test runner. Each case uses unique names, so that
 * all cases can run on the same storage, even concurrently.
 *
 * @example
 * for (const { title, run } of parkingStoreContract(() => postgresParkingStore(pool))) test(title, run)
 * @throws StreamError `options.invalid` for an invalid argument.
 */
export function parkingStoreContract(createStore: CreateParkingStore): readonly ContractCase[] {
  aFunction('createStore', createStore)
  const cases = [
    ...keyCases,
    ...isolationCases,
    ...recordCases,
    ...readerCases,
    ...requestCases,
    ...fencingCases,
  ]
  return cases.map(([title, check]) => ({
    title,
    run: () => check(new ParkingBench(createStore)),
  }))
}
