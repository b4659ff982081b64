import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { Handler } from '../../../src/processing/handler.ts'
import type { ProcessOptions } from '../../../src/processing/options.ts'
import type { Schemas } from '../../../src/processing/schema.ts'

interface Typed<S extends Schemas> {
  readonly schema: S
}

declare function run<const S extends Schemas = Record<never, never>, T extends string = string>(
  handler: Handler<Typed<S>, T>,
  options?: ProcessOptions<Typed<NoInfer<S>>, S, T>,
): void

describe('the types of the options', () => {
  it('schema determines the type of the record in the callbacks of retry', () => {
    const newImage = z.object({ total: z.number() })
    const check = () =>
      run(() => {}, {
        schema: { newImage },
        retry: {
          classify: (error, record, context) => {
            expectTypeOf(error).toBeUnknown()
            expectTypeOf(record.schema.newImage).toEqualTypeOf(newImage)
            expectTypeOf(context.attempt).toBeNumber()
            return 'wait'
          },
          delayMs: (_attempt, _error, record) => {
            expectTypeOf(record.schema.newImage).toEqualTypeOf(newImage)
            return undefined
          },
        },
      })
    expectTypeOf(check).toBeFunction()
  })

  it('the context of classify has the names of the tasks', () => {
    const check = () =>
      run(
        { tasks: { index: () => {}, notify: () => {} } },
        {
          retry: {
            classify: (_error, _record, { task }) => {
              expectTypeOf(task).toEqualTypeOf<'index' | 'notify' | undefined>()
              return 'retry'
            },
          },
        },
      )
    expectTypeOf(check).toBeFunction()
  })

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
