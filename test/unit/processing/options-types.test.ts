import { describe, expectTypeOf, it } from 'vitest'
import type { ProcessOptions } from '../../../src/processing/options.ts'

describe('the types of the options', () => {
  it('an asynchronous classify, an unknown option and an unknown condition do not compile', () => {
    // @ts-expect-error: the result must not be a promise
    const asynchronous: ProcessOptions = { retry: { classify: async () => 'retry' } }
    // @ts-expect-error: the option is misspelled
    const misspelled: ProcessOptions = { concurency: 1 }
    // @ts-expect-error: there is no such kind
    const unknownKind: ProcessOptions = { onFailure: { aged: 'discard' } }
    expectTypeOf([asynchronous, misspelled, unknownKind]).toBeArray()
  })
})
