import {
  type CheckpointStore,
  type DynamoDBStream,
  type OpenStreamOptions,
  type ProcessingRun,
  type ProcessOptions,
  processStream,
  StreamError,
  type StreamRecord,
  type StreamToken,
  type UnsettledEntry,
} from '../../../src/index.ts'
import { type StreamFixture, streamFixture } from '../../support/stream-fixture.ts'

/** A stream, and workers that process it one after another and share a checkpoint. */
export interface WorkerFixture extends StreamFixture {
  /** Writes a change of the item with this key, numbered in the order of the calls. Returns the number. */
  put(key: string, more?: object): number
  /** Opens the stream and starts a run. */
  work(handler: unknown, options?: object, open?: Partial<OpenStreamOptions>): Promise<Worker>
  /** The unsettled entries of the saved checkpoint. */
  savedEntries(): readonly UnsettledEntry[]
}

export interface Worker {
  readonly stream: DynamoDBStream
  readonly run: ProcessingRun
  /** Stops the run and closes the stream. */
  stop(): Promise<void>
  /** Ends the process of the worker: none of its saves reaches the store any more. */
  crash(): void
}

export function workerFixture(): WorkerFixture {
  const fixture = streamFixture()
  const { clock, emulator, start } = fixture
  let written = 0
  let saved: StreamToken | undefined
  let epoch = 0
  const storeOf = (isDead: () => boolean): CheckpointStore => ({
    load: async () => saved,
    save: async () => {
      throw new Error('A worker saves with its lease.')
    },
    lease: async (name) => {
      const mine = ++epoch
      const lost = new AbortController()
      return {
        token: saved,
        epoch: mine,
        lost: lost.signal,
        release: async () => {},
        save: async (token) => {
          if (isDead()) await new Promise(() => {})
          if (epoch !== mine) {
            lost.abort(new StreamError('checkpoint.conflict', 'Another worker has acquired it.', { name }))
            throw lost.signal.reason
          }
          saved = JSON.parse(JSON.stringify(token)) as StreamToken
        },
      }
    },
  })
  return {
    ...fixture,
    put: (key, more = {}) => {
      const n = written++
      emulator.put({ id: key, n, ...more })
      return n
    },
    savedEntries: () => saved?.shards.flatMap(({ unsettled = [] }) => unsettled) ?? [],
    work: async (handler, options = {}, open = {}) => {
      let isDead = false
      const store = storeOf(() => isDead)
      const stream = await start({ checkpoint: { store, name: 'worker', everyMs: 1_000 }, ...open })
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
        crash: () => {
          isDead = true
        },
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
