import type { DynamoDBStream } from '../../src/index.ts'
import type { Delivery } from '../../src/shards/shard-ledger.ts'
import type { RecordSource } from '../../src/stream/record-source.ts'
import type { ManualClock } from '../../src/testing/index.ts'
import { numbersOf } from './read.ts'

/** A run that reads a stream as `processStream` does, but settles and ends only when a test says so. */
export interface FakeRun {
  readonly source: RecordSource
  /** How often the stream has stopped the run. */
  readonly stops: number
  /** Takes up to `count` records, waits for them, and returns their deliveries. */
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
    while (taken.length < count && !source.isEnded) {
      const delivery = source.take()
      if (delivery) taken.push(delivery)
      else await source.wait(new AbortController().signal)
    }
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
