import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type {
  BatchContext,
  BatchHandler,
  BatchResponse,
  RecordContext,
  RecordHandler,
} from '../../../src/processing/handler.ts'
import type { processStream } from '../../../src/processing/process-stream.ts'
import type { RecordOf } from '../../../src/processing/schema.ts'
import type { PlainItem, StreamRecord } from '../../../src/records/stream-record.ts'
import type { DynamoDBStream } from '../../../src/stream/stream.ts'

// These tests are checked by the compiler: none of the code below runs.

interface Order {
  readonly orderId: string
  readonly total: number
}

type ProcessStream = typeof processStream

function check(_code: (processStream: ProcessStream, stream: DynamoDBStream<Order>) => void): void {}

const zodOrder = z.object({ orderId: z.string(), total: z.string().transform(Number) })
const valibotOrder = v.object({ orderId: v.string(), placedAt: v.pipe(v.string(), v.toDate()) })
const arkKeys = type({ orderId: 'string', 'shop?': 'number' })

describe('the types of handlers', () => {
  it('without a schema, a handler receives records with the item type of the stream', () => {
    check((processStream, stream) => {
      processStream(stream, (record, context) => {
        expectTypeOf(record).toEqualTypeOf<StreamRecord<Order>>()
        expectTypeOf(record.newImage).toEqualTypeOf<Order | undefined>()
        expectTypeOf(record.keys).toEqualTypeOf<Partial<Order>>()
        expectTypeOf(context).toEqualTypeOf<RecordContext>()
        expectTypeOf(context.reject('no')).toEqualTypeOf<never>()
      })
      processStream(stream, {
        batchSize: 10,
        batch(records, context) {
          expectTypeOf(records).toEqualTypeOf<readonly StreamRecord<Order>[]>()
          expectTypeOf(context).toEqualTypeOf<BatchContext<StreamRecord<Order>>>()
        },
      })
    })
  })

  it('a schema replaces the type of its own part of the record, and of no other', () => {
    check((processStream, stream) => {
      processStream(
        stream,
        async (record) => {
          expectTypeOf(record.newImage).toEqualTypeOf<{ orderId: string; total: number } | undefined>()
          expectTypeOf(record.oldImage).toEqualTypeOf<Order | undefined>()
          expectTypeOf(record.keys).toEqualTypeOf<Partial<Order>>()
        },
        { schema: { newImage: zodOrder } },
      )
      processStream(
        stream,
        (record) => {
          expectTypeOf(record.newImage).toEqualTypeOf<Order | undefined>()
          expectTypeOf(record.oldImage).toEqualTypeOf<Order | undefined>()
          expectTypeOf(record.keys).toEqualTypeOf<{ orderId: string; shop?: number }>()
        },
        { schema: { keys: arkKeys } },
      )
    })
  })

  it('schemas of zod, valibot and arktype can be combined, and every form of handler is typed', () => {
    check((processStream, stream) => {
      const schema = { newImage: valibotOrder, oldImage: zodOrder, keys: arkKeys }
      const verify = (record: RecordOf<Order, typeof schema>): void => {
        expectTypeOf(record.newImage).toEqualTypeOf<{ orderId: string; placedAt: Date } | undefined>()
        expectTypeOf(record.oldImage).toEqualTypeOf<{ orderId: string; total: number } | undefined>()
        expectTypeOf(record.keys.shop).toEqualTypeOf<number | undefined>()
      }
      processStream(stream, (record) => verify(record), { schema })
      processStream(stream, { batch: (records) => records.forEach(verify) }, { schema })
      processStream(stream, { tasks: { index: (record) => verify(record) } }, { schema })
    })
  })

  it('classify and delayMs see the output of the schema and do not change what is inferred', () => {
    check((processStream, stream) => {
      processStream(stream, (record) => record.newImage?.placedAt.getTime(), {
        retry: {
          classify: (error, record, context) => {
            expectTypeOf(error).toBeUnknown()
            expectTypeOf(record.newImage?.placedAt).toEqualTypeOf<Date | undefined>()
            expectTypeOf(context.attempt).toBeNumber()
            return 'wait'
          },
          delayMs: (_attempt, _error, record) => record.newImage?.placedAt.getTime(),
        },
        schema: { newImage: valibotOrder },
      })
    })
  })

  it('filter sees the items of the stream, because it is called before the schema is applied', () => {
    check((processStream, stream) => {
      processStream(stream, (record) => record.newImage?.placedAt.getTime(), {
        filter: (record) => (record.newImage?.total ?? 0) > 10,
        schema: { newImage: valibotOrder },
      })
      const isBig = (record: StreamRecord<Order>) => (record.newImage?.total ?? 0) > 10
      processStream(stream, () => {}, { filter: isBig })
      processStream(stream, () => {}, {
        // @ts-expect-error: the items of this stream have no such property
        filter: (record) => record.newImage?.placedAt !== undefined,
      })
    })
  })

  it('a record with a schema can be passed to functions that accept records of its type', () => {
    check((processStream, stream) => {
      const accept = (_record: StreamRecord<v.InferOutput<typeof valibotOrder>, Order, Partial<Order>>) => {}
      const acceptAny = (_record: StreamRecord) => {}
      processStream(
        stream,
        (record) => {
          accept(record)
          acceptAny(record)
          expectTypeOf(record.toJSON()).toEqualTypeOf<Record<string, unknown>>()
        },
        { schema: { newImage: valibotOrder } },
      )
    })
  })

  it('the names of tasks are inferred, and are the only names that the context of classify has', () => {
    check((processStream, stream) => {
      const tasks = { index: async (_record: StreamRecord<Order>) => {}, mail: () => {} }
      processStream(
        stream,
        { tasks },
        {
          retry: {
            classify: (_error, _record, { task }) => {
              expectTypeOf(task).toEqualTypeOf<'index' | 'mail' | undefined>()
              return 'retry'
            },
          },
        },
      )
    })
  })

  it('batch and tasks cannot be combined, and a handler needs one of them', () => {
    check((processStream, stream) => {
      // @ts-expect-error: two forms
      processStream(stream, { batch: () => {}, tasks: { index: () => {} } })
      // @ts-expect-error: no form
      processStream(stream, { batchSize: 10 })
      // @ts-expect-error: the option belongs to the batch form
      processStream(stream, { tasks: { index: () => {} }, batchSize: 10 })
    })
  })

  it('a batch handler returns nothing or a response, and a misspelled response is an error', () => {
    check((processStream, stream) => {
      processStream(stream, { batch: () => null })
      processStream(stream, { batch: async () => {} })
      processStream(stream, { batch: async () => undefined })
      processStream(stream, {
        batch: async (records) => {
          if (records.length === 1) return
          return { batchItemFailures: [{ itemIdentifier: '1' }] }
        },
      })
      const response: BatchResponse = { batchItemFailures: [] }
      processStream(stream, { batch: () => response })
      // @ts-expect-error: an array says nothing about the records
      processStream(stream, { batch: async (records) => Promise.all(records.map(async () => 1)) })
      // @ts-expect-error: the name is batchItemFailures
      processStream(stream, { batch: () => ({ batchItemFailure: [] }) })
      // @ts-expect-error: the result of a bulk call does not indicate which records have failed
      processStream(stream, { batch: async () => ({ errors: true, items: [] }) })
    })
  })

  it('the type of a batch response accepts the one of @types/aws-lambda', () => {
    expectTypeOf<import('aws-lambda').DynamoDBBatchResponse>().toExtend<BatchResponse>()
  })

  it('functions for records of any type and instances of classes are handlers', () => {
    check((processStream, stream) => {
      class Indexer implements BatchHandler<StreamRecord<Order>> {
        readonly batchSize = 50
        readonly #written: string[] = []
        async batch(records: readonly StreamRecord<Order>[]): Promise<void> {
          this.#written.push(...records.map(({ newImage }) => newImage?.orderId ?? ''))
        }
      }
      const log: RecordHandler<StreamRecord> = async ({ keys }) => keys
      processStream(stream, new Indexer())
      processStream(stream, log)
      processStream(stream, { tasks: { log, other: async () => 5 } })
    })
  })

  it('a handler for records of another type is an error', () => {
    check((processStream, stream) => {
      const handle = (_record: StreamRecord<{ readonly customerId: string }>) => {}
      // @ts-expect-error: the stream has orders
      processStream(stream, handle)
    })
  })

  it('a stream without an item type has plain items', () => {
    check((processStream) => {
      const stream = {} as DynamoDBStream
      processStream(stream, (record) => {
        expectTypeOf(record).toEqualTypeOf<StreamRecord<PlainItem>>()
      })
    })
  })
})
