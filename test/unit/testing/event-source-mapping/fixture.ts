import type { LambdaRecord } from '../../../../src/records/lambda-record.ts'
import {
  type DiscardedRecord,
  type EmulatedRecord,
  type EventSourceMapping,
  type EventSourceMappingOptions,
  emulateEventSourceMapping,
  type LambdaStreamEvent,
  ManualClock,
  StreamEmulator,
  type StreamEmulatorOptions,
} from '../../../../src/testing/index.ts'

export type Options = Omit<EventSourceMappingOptions, 'emulator' | 'handler' | 'clock'>

export interface Fixture {
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  /** Writes one record for each number, as the item with this id. Returns the records. */
  put(...ids: readonly (number | string)[]): EmulatedRecord[]
  start(handler: EventSourceMappingOptions['handler'], options?: Options): EventSourceMapping
  /** Starts a mapping, and waits until it has processed everything. */
  process(handler: EventSourceMappingOptions['handler'], options?: Options): Promise<EventSourceMapping>
}

/** An emulated table whose items have short ids, and mappings of its stream. */
export function mappingFixture(options: StreamEmulatorOptions = {}): Fixture {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock, ...options })
  let version = 0
  const start: Fixture['start'] = (handler, mappingOptions) =>
    emulateEventSourceMapping({ emulator, clock, random: () => 0.5, ...mappingOptions, handler })
  return {
    clock,
    emulator,
    put: (...ids) => ids.map((id) => emulator.put({ id: String(id), version: ++version }) as EmulatedRecord),
    start,
    process: async (handler, mappingOptions) => {
      const mapping = start(handler, mappingOptions)
      await clock.run(mapping.drain())
      await mapping.close()
      return mapping
    },
  }
}

/** The ids of the items of records, in one string: `123`. */
export function idsOf(records: readonly EmulatedRecord[]): string {
  return records.map(({ key }) => key.id).join('')
}

/** The ids of the items of an event. */
export function idsIn({ Records }: LambdaStreamEvent): string {
  return Records.map(({ dynamodb }) => dynamodb?.Keys?.id?.S).join('')
}

/** The records of each invocation. */
export function batchesOf({ invocations }: EventSourceMapping): string[] {
  return invocations.map(({ records }) => idsOf(records))
}

/** Discarded records as `2: RetryAttemptsExhausted, delivered`. */
export function fatesOf(discarded: readonly DiscardedRecord[]): string[] {
  return discarded.map(({ record, reason, destination }) => `${record.key.id}: ${reason}, ${destination}`)
}

export const reports: Options = { FunctionResponseTypes: ['ReportBatchItemFailures'] }

/** A handler that throws if the batch contains one of these items. */
export function throwsFor(...bad: readonly string[]): (event: LambdaStreamEvent) => Promise<void> {
  return async (event) => {
    if (bad.some((id) => idsIn(event).includes(id))) throw new Error('The handler has failed.')
  }
}

interface Response {
  batchItemFailures: { itemIdentifier: string | undefined }[]
}

/** A handler that reports these items as failed. */
export function reportsFor(...bad: readonly string[]): (event: LambdaStreamEvent) => Promise<Response> {
  const isBad = (record: LambdaRecord) => bad.includes(record.dynamodb?.Keys?.id?.S ?? '')
  return async ({ Records }) => ({
    batchItemFailures: Records.filter(isBad).map(({ dynamodb }) => ({
      itemIdentifier: dynamodb?.SequenceNumber,
    })),
  })
}
