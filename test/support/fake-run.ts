import type { DynamoDBStream } from '../../src/index.ts'
import type { Delivery } from '../../src/shards/shard-ledger.ts'
import type { RecordSource } from '../../src/stream/record-source.ts'
import type { ManualClock } from '../../src/testing/index.ts'
import { numbersOf } from './read.ts'

/** How long to wait for the records that are to be taken, in ms of the manual clock. */
const TAKE_TIMEOUT_MS = 600_000

/** A run that reads a stream as `processStream` does, but settles and ends only when a test says so. */
export interface FakeRun {
  readonly source: RecordSource
  /** How often the stream has stopped the run. */
  readonly stops: number
  /** Takes `count` records, or fewer at the end of the stream. Rejects after 10 minutes without them. */
  take(count: number): Promise<Delivery[]>
  /** Settles deliveries and reports them. */
  settle(...deliveries: (Delivery | undefined)[]): void
  /** Ends the run without detaching it. */
  finish(): void
  /** Ends the run with an error, without detaching it. */
  fail(error: unknown): void
}

export function attachRun(stream: DynamoDBStream, clock: ManualClock): FakeRun {
  let stops = 0
  let finish = () => {}
  let fail = (_: unknown) => {}
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  const source = stream.attach({ stop: () => void stops++, finished })
  const take = async (count: number): Promise<Delivery[]> => {
    const taken: Delivery[] = []
    const timeout = new AbortController()
    const cancelTimer = clock.setTimer(TAKE_TIMEOUT_MS, () => timeout.abort(new Error('No record arrived.')))
    while (taken.length < count && !source.isEnded) {
      timeout.signal.throwIfAborted()
      const delivery = source.take()
      if (delivery) taken.push(delivery)
      else await source.wait(timeout.signal)
      // A wait that always resolves at once must not keep the clock from moving.
      await new Promise(setImmediate)
    }
    cancelTimer()
    return taken
  }
  return {
    source,
    get stops() {
      return stops
    },
    take: (count) => clock.run(take(count)),
    settle: (...deliveries) => {
      for (const delivery of deliveries) delivery?.settle()
      source.settled(deliveries.length)
    },
    finish: () => finish(),
    fail: (error) => fail(error),
  }
}

/** Returns the attribute `n` of the items in these records. */
export function numbersIn(deliveries: readonly Delivery[]): number[] {
  return numbersOf(deliveries.map(({ record }) => record))
}
