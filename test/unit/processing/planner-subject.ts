import type { BatchLimits, InputState } from '../../../src/processing/batch-collector.ts'
import {
  type Disposition,
  type PlannedAction,
  Planner,
  type PlannerOptions,
} from '../../../src/processing/planner.ts'
import { QueuedRecord } from '../../../src/processing/queued-record.ts'
import type { Work } from '../../../src/processing/work.ts'
import type { Delivery, RecordProgress } from '../../../src/shards/shard-ledger.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { type FakeRecord, recordOf } from './run-subject.ts'

const clock = new ManualClock()

/** A delivered record with this ordinal, which settles without a ledger. */
export function queuedRecord(ordinal: number, options: FakeRecord = {}): QueuedRecord {
  const record = recordOf(ordinal, clock, options)
  let isSettled = false
  const resumed: RecordProgress | undefined = options.resumed && {
    attempts: 0,
    since: 0,
    isRunning: false,
    finishedTasks: [],
    error: undefined,
    ...options.resumed,
  }
  const delivery = {
    record,
    sequenceNumber: record.sequenceNumber,
    resumed,
    get isSettled() {
      return isSettled
    },
    track() {},
    settle() {
      const isFirst = !isSettled
      isSettled = true
      return isFirst
    },
  }
  return new QueuedRecord(delivery as unknown as Delivery, ordinal, record.itemKey)
}

export interface PlannerSubject {
  readonly planner: Planner<string>
  now: number
  /** What the run would say about further records. */
  input: InputState
  /** Adds records in the order of their keys; returns them. */
  add(...records: readonly (string | FakeRecord)[]): QueuedRecord[]
  /** Everything that can start now; verdicts are given up. */
  start(): Work[]
  /** The ordinals of the records of everything that can start now. */
  startNumbers(): number[][]
  end(work: Work | undefined, disposition: Disposition | ((record: QueuedRecord) => Disposition)): void
  /** Records that were to be given up by `start`, in order. */
  readonly givenUp: QueuedRecord[]
}

export function plannerWith(
  options: Partial<Omit<PlannerOptions<string>, 'batch'>> & { readonly batch?: Partial<BatchLimits> } = {},
): PlannerSubject {
  const batch = options.batch && {
    batchSize: 100,
    maxBatchingWindowMs: 0,
    maxBatchBytes: undefined,
    ...options.batch,
  }
  const order = options.order ?? 'key'
  const planner = new Planner<string>({
    concurrency: 16,
    maxUnsettled: 10_000,
    maxUnsettledBytes: 64 * 1_048_576,
    maxFailingKeys: 1_000,
    isExclusive: () => false,
    judge: () => undefined,
    ancestorsOf: () => [],
    ...options,
    order,
    batch,
  })
  let ordinal = 0
  const subject: PlannerSubject = {
    planner,
    now: 0,
    input: 'idle',
    givenUp: [],
    add: (...records) =>
      records.map((added) => {
        const record = queuedRecord(ordinal++, typeof added === 'string' ? { key: added } : added)
        const laneKey =
          order === 'key' ? record.record.itemKey : order === 'shard' ? record.shardId : undefined
        planner.add(record, laneKey, subject.now)
        return record
      }),
    start: () => {
      const works: Work[] = []
      planner.collectDue(subject.now)
      for (;;) {
        const action: PlannedAction<string> | undefined = planner.next(subject.now, subject.input)
        if (action === undefined) return works
        if (action.do === 'start') works.push(action.work)
        else subject.givenUp.push(action.record)
      }
    },
    startNumbers: () => subject.start().map(numbersOfWork),
    end: (work, disposition) => {
      if (work === undefined) throw new Error('Nothing was started.')
      planner.end(work, typeof disposition === 'function' ? disposition : () => disposition, subject.now)
    },
  }
  return subject
}

export function numbersOfWork({ records }: Work): number[] {
  return records.map(({ ordinal }) => ordinal)
}
