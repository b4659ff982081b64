import {
  type DynamoDBStream,
  memoryCheckpointStore,
  type OpenStreamOptions,
  openStream,
  type StreamRecord,
} from '../../src/index.ts'
import type { StreamEmulatorOptions } from '../../src/testing/index.ts'
import { type EmulatedTable, emulatedTable } from './emulated-table.ts'
import { numbersOf } from './read.ts'

/** An emulated table, the checkpoint store of one worker, and helpers that use the worker's stream. */
export interface StreamFixture extends EmulatedTable {
  readonly store: ReturnType<typeof memoryCheckpointStore>
  /** Opens the worker's stream. */
  start(options?: Partial<OpenStreamOptions>): Promise<DynamoDBStream>
  /** Loops over records or batches, leaves the loop after `count` records, and returns their numbers. */
  take(values: AsyncIterable<Batch | StreamRecord>, count: number): Promise<number[]>
  /** Loops over records in the background; `seen` grows as the clock advances. */
  collect(stream: DynamoDBStream): { readonly seen: number[] }
  /** Starts a worker at the saved checkpoint and returns the numbers of its first `count` records. */
  takeAfterRestart(count: number): Promise<number[]>
}

type Batch = readonly StreamRecord[]

export function streamFixture(emulatorOptions: StreamEmulatorOptions = {}): StreamFixture {
  const table = emulatedTable(emulatorOptions)
  const { clock, emulator } = table
  const store = memoryCheckpointStore()
  const start: StreamFixture['start'] = (options) =>
    clock.run(
      openStream({
        streamArn: emulator.streamArn,
        client: emulator.api,
        clock,
        random: () => 0.5,
        checkpoint: { store, name: 'worker' },
        ...options,
      }),
    )
  const take: StreamFixture['take'] = (values, count) =>
    clock.run(async () => {
      const numbers: number[] = []
      for await (const value of values) {
        numbers.push(...numbersOf('length' in value ? value : [value]))
        if (numbers.length >= count) break
      }
      return numbers
    })
  return {
    ...table,
    store,
    start,
    take,
    collect: (stream) => {
      const seen: number[] = []
      const loop = async () => {
        for await (const record of stream) seen.push(...numbersOf([record]))
      }
      void loop()
      return { seen }
    },
    takeAfterRestart: async (count) => {
      const stream = await start()
      const numbers = await take(stream, count)
      await clock.run(stream.close())
      return numbers
    },
  }
}
