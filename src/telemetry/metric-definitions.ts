import { attributeNames } from './conventions.ts'
import type { TelemetryAttributes } from './meter.ts'
import type { MetricReadings, RunCounts } from './readings.ts'

export interface MetricDefinition {
  readonly name: string
  /** In the notation of UCUM. */
  readonly unit: string
  readonly description: string
}

/** One time series of a metric. */
export interface SeriesDefinition {
  readonly attributes: TelemetryAttributes
  read(readings: MetricReadings): number
}

/** A metric whose value is read from the run. */
export interface ReadMetricDefinition extends MetricDefinition {
  readonly series: readonly SeriesDefinition[]
}

const single = (read: SeriesDefinition['read']): readonly SeriesDefinition[] => [{ attributes: {}, read }]

const fates = ['handled', 'filtered', 'discarded', 'parked', 'lost'] as const
const reasons: readonly (keyof RunCounts['deadLettered'])[] = [
  'exhausted',
  'aged',
  'rejected',
  'invalid',
  'workerLost',
]

/** Metrics that only rise. Their series exist from the start of a run, so that no increase is missed. */
export const counters: readonly ReadMetricDefinition[] = [
  {
    name: 'messaging.client.consumed.messages',
    unit: '{message}',
    description: 'Records that were delivered to the run.',
    series: [
      {
        attributes: { [attributeNames.operationName]: 'receive' },
        read: ({ run }) => run.counts.records,
      },
    ],
  },
  {
    name: 'dynamodb_stream.records',
    unit: '{record}',
    description: 'Records that were settled or lost, by fate.',
    series: [
      ...fates.map((fate) => ({
        attributes: { fate },
        read: ({ run }: MetricReadings) => run.counts[fate],
      })),
      ...reasons.map((reason) => ({
        attributes: { fate: 'deadLettered', reason },
        read: ({ run }: MetricReadings) => run.counts.deadLettered[reason],
      })),
    ],
  },
  {
    name: 'dynamodb_stream.attempts',
    unit: '{attempt}',
    description: 'Attempts that were started, per record.',
    series: single(({ run }) => run.counts.attempts),
  },
  {
    name: 'dynamodb_stream.failed_attempts',
    unit: '{attempt}',
    description: 'Attempts that have not succeeded, per record.',
    series: single(({ failedAttempts }) => failedAttempts),
  },
  {
    name: 'dynamodb_stream.retries',
    unit: '{attempt}',
    description: 'Attempts that were not the first one of their record.',
    series: single(({ run }) => run.counts.retries),
  },
  {
    name: 'dynamodb_stream.destination.failures',
    unit: '{failure}',
    description: 'Dead letters that a destination did not accept. They are sent again.',
    series: single(({ destinationFailures }) => destinationFailures),
  },
  {
    name: 'dynamodb_stream.checkpoint.saves',
    unit: '{save}',
    description: 'Saves of the checkpoint, by outcome.',
    series: [
      { attributes: { outcome: 'saved' }, read: ({ run }) => run.saves.saved },
      { attributes: { outcome: 'failed' }, read: ({ run }) => run.saves.failed },
    ],
  },
]

/** Metrics that rise and fall. They return to 0 when the run ends. */
export const levels: readonly ReadMetricDefinition[] = [
  {
    name: 'dynamodb_stream.unsettled',
    unit: '{record}',
    description: 'Records that were delivered and are not settled.',
    series: single(({ run }) => run.unsettled),
  },
  {
    name: 'dynamodb_stream.parked.keys',
    unit: '{key}',
    description: 'Keys that are parked.',
    series: single(({ run }) => run.parked.parkedKeys),
  },
  {
    name: 'dynamodb_stream.parked.records',
    unit: '{record}',
    description: 'Records that are parked.',
    series: single(({ run }) => run.parked.parkedRecords),
  },
  {
    name: 'dynamodb_stream.stalled',
    unit: '{run}',
    description: 'Runs that are stalled: 0 or 1.',
    series: single(({ run }) => (run.isStalled ? 1 : 0)),
  },
]

/** Metrics that are observed when they are collected, in seconds. */
export const ages: readonly ReadMetricDefinition[] = [
  {
    name: 'dynamodb_stream.lag',
    unit: 's',
    description: 'The age of the oldest record that may not be processed yet; 0 at the tip.',
    series: single(({ run }) => run.lagMs / 1_000),
  },
  {
    name: 'dynamodb_stream.oldest_unsettled.age',
    unit: 's',
    description: 'The age of the oldest unsettled record; 0 if all are settled.',
    series: single(({ run }) => run.oldestUnsettledMs / 1_000),
  },
]

export const duration: MetricDefinition = {
  name: 'messaging.process.duration',
  unit: 's',
  description: 'The duration of handler calls.',
}
