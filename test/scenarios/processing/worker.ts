import type { DynamoDBStream, OpenStreamOptions } from '../../../src/index.ts'
import {
  type ProcessingRun,
  type ProcessOptions,
  processStream,
  type StreamRecord,
} from '../../../src/index.ts'
import { type StreamFixture, streamFixture } from '../../support/stream-fixture.ts'

/** A stream, workers that process it one after another, and what the worker of the moment does. */
export interface WorkerFixture extends StreamFixture {
  /** Writes a change of the item with this key, numbered in the order of the calls. Returns the number. */
  put(key: string, more?: object): number
  /** Opens the stream and starts a run. */
  work(handler: unknown, options?: object, open?: Partial<OpenStreamOptions>): Promise<Worker>
}

export interface Worker {
  readonly stream: DynamoDBStream
  readonly run: ProcessingRun
  /** Stops the run and closes the stream. */
  stop(): Promise<void>
}

export function workerFixture(): WorkerFixture {
  const fixture = streamFixture()
  const { clock, emulator, start } = fixture
  let written = 0
  return {
    ...fixture,
    put: (key, more = {}) => {
      const n = written++
      emulator.put({ id: key, n, ...more })
      return n
    },
    work: async (handler, options = {}, open = {}) => {
      const stream = await start({
        checkpoint: { store: fixture.store, name: 'worker', everyMs: 1_000 },
        ...open,
      })
      const run = processStream(stream, handler as () => void, options as ProcessOptions)
      run.catch(() => {})
      return {
        stream,
        run,
        stop: () =>
          clock.run(async () => {
            await run.stop()
            await stream.close()
          }),
      }
    },
  }
}

/** The attribute `n` of a record's item. */
export function numberOf(record: StreamRecord): number {
  return (record.newImage ?? record.oldImage)?.n as number
}

/** The key of a record's item. */
export function keyOf(record: StreamRecord): string {
  return record.keys.id as string
}
