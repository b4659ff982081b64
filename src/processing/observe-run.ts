import type { Clock } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import { tableNameOf } from '../core/stream-arn.ts'
import type { RecordSource } from '../stream/record-source.ts'
import type { ParkedCounts, RunReadings } from '../telemetry/readings.ts'
import { RunTelemetry } from '../telemetry/run-telemetry.ts'
import type { AttemptObserver } from './attempt.ts'
import { resultOf } from './attempt-result.ts'
import type { CheckedOptions } from './check-options.ts'
import type { ProcessingSummary } from './counts.ts'
import type { ProcessingEvents } from './events.ts'
import type { ProcessingHealth } from './health.ts'

/** A run, as its telemetry sees it. */
export interface ObservedRun {
  readonly options: CheckedOptions
  readonly source: RecordSource
  readonly clock: Clock
  readonly name: string
  readonly events: Emitter<ProcessingEvents>
  /** The live counters. */
  readonly counters: ProcessingSummary
  /** What is parked at present; undefined without parking. */
  readonly parked: ParkedCounts | undefined
  unsettled(): number
  isStalled(): boolean
  health(): ProcessingHealth
}

/** The telemetry of a run, as the run sees it. */
export interface RunObserver extends AttemptObserver {
  /** The filter has thrown, which is a failed attempt. */
  filterFailed(): void
  /** The run has ended. Must be called before the run detaches from the stream. */
  close(): void
}

const nothingParked: ParkedCounts = { parkedKeys: 0, parkedRecords: 0 }

/** Starts the metrics and spans of a run; undefined if it has neither a meter nor a tracer. */
export function observeRun(run: ObservedRun): RunObserver | undefined {
  const { options, source, clock, name } = run
  const { meter, tracer, traceContext } = options
  if (meter === undefined && tracer === undefined) return undefined
  const telemetry = new RunTelemetry({
    meter,
    tracer,
    traceContext,
    table: tableNameOf(source.streamArn) ?? source.streamArn,
    name,
    clock,
    readings: readingsOf(run),
  })
  const unsubscribe = run.events.on('destinationRetry', () => telemetry.destinationFailed())
  return {
    observe: (records, call) =>
      telemetry.observe(records, call, (outcome) => resultOf(outcome, records.length)),
    filterFailed: () => telemetry.attemptFailed(),
    close: () => {
      unsubscribe()
      telemetry.close()
    },
  }
}

function readingsOf(run: ObservedRun): RunReadings {
  const { source, clock } = run
  // The checkpoint is the stream's: what was saved before this run is not part of it.
  const earlier = source.saveCounts
  return {
    counts: run.counters,
    get saves() {
      const { saved, failed } = source.saveCounts
      return { saved: saved - earlier.saved, failed: failed - earlier.failed }
    },
    get parked() {
      return run.parked ?? nothingParked
    },
    get unsettled() {
      return run.unsettled()
    },
    get isStalled() {
      return run.isStalled()
    },
    get lagMs() {
      return source.lag.millisBehindLatest
    },
    get oldestUnsettledMs() {
      const { oldestUnsettledAt } = run.health()
      return oldestUnsettledAt === undefined ? 0 : Math.max(0, clock.now() - oldestUnsettledAt.getTime())
    },
  }
}
