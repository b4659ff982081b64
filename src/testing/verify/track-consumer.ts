import { AssertionError } from 'node:assert'
import { parseToken } from '../../position/parse-token.ts'
import { type ParsedPosition, type Position, parsePosition } from '../../position/position.ts'
import { type PlacedRecord, positionCoverage, tokenCoverage } from '../../position/token-coverage.ts'
import { hashItemKey } from '../../records/item-key.ts'
import { StreamRecord } from '../../records/stream-record.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'
import type { StreamEmulator } from '../emulator/stream-emulator.ts'
import { aBoolean, type Checks, check, checkOptions } from '../options/check-options.ts'
import { checkHistory, type HistoryEvent, type HistoryReport, type Truth } from './check-history.ts'
import type { Delivered } from './compare-delivery.ts'
import { formatFaults } from './format-faults.ts'

/** Options of {@link trackConsumer}. */
export interface TrackConsumerOptions {
  /**
   * Where the consumer starts: the same value as is passed to `openStream` or `moveTo`. Earlier records are
   * not expected. With `'latest'`, records written before {@link trackConsumer} is called are not expected.
   * @default 'trim_horizon'
   */
  readonly startAt?: Position | undefined
  /**
   * Whether the consumer continues with the table's next stream after the stream is disabled and enabled
   * again. Otherwise only the records of the emulator's current stream are expected.
   * @default false
   */
  readonly followTable?: boolean | undefined
}

const optionChecks: Checks<TrackConsumerOptions> = {
  startAt: () => {}, // checked by parsePosition()
  followTable: aBoolean,
}

const anEmulator = check(
  (value) => typeof (value as StreamEmulator)?.consumerRestarted === 'function',
  'a StreamEmulator',
)

const aRecord = check((value) => {
  const { shardId, sequenceNumber } = (value ?? {}) as Partial<Delivered>
  return typeof shardId === 'string' && typeof sequenceNumber === 'string'
}, 'an object with the strings shardId and sequenceNumber, such as a StreamRecord')

/** The history of a consumer, which is compared with the records that the emulator has written. */
export interface ConsumerHistory {
  /**
   * Reports that the consumer has processed a record. Any object with `shardId` and `sequenceNumber` is
   * accepted. The function can be passed as a callback.
   * @throws StreamError `options.invalid` for an object without them.
   */
  readonly processed: (record: Delivered) => void
  /**
   * Returns an iterable of the same records that reports each of them as processed when the loop requests the
   * next one. The record at which a loop is left by `break`, `return` or `throw` is not reported.
   */
  readonly follow: <Record extends Delivered>(records: AsyncIterable<Record>) => AsyncIterable<Record>
  /**
   * Reports that the consumer was restarted, for example after a crash.
   * @param token - the checkpoint from which it starts, an object or a JSON string. Records that it covers
   * must not be processed again; others can be, in order. Without a token, every record can be processed
   * again.
   * @throws StreamError `token.invalid`
   */
  readonly restarted: (token?: unknown) => void
  /**
   * Returns the faults so far. Records that are still to be processed count as lost. Records that were
   * trimmed before they were processed are listed separately and are not a fault.
   */
  report(): HistoryReport
  /**
   * Throws an `AssertionError` if there is a fault. The message lists records that were lost, repeated
   * without a restart or although the checkpoint covered them, out of order (by item or by shard), processed
   * before the end of their parent shard, or never written.
   */
  expectComplete(): void
}

/**
 * Tracks a consumer of the emulator's stream and checks that it processes every record, in order and without
 * unexpected repetitions. The consumer does not have to use this package.
 *
 * @example
 * const history = trackConsumer(emulator)
 * for await (const record of history.follow(stream)) await handle(record)
 * history.expectComplete()
 * @throws StreamError `options.invalid` for an invalid argument, `position.invalid` or `token.invalid` for an
 * invalid `startAt`.
 */
export function trackConsumer(emulator: StreamEmulator, options: TrackConsumerOptions = {}): ConsumerHistory {
  anEmulator('emulator', emulator)
  checkOptions('', options, optionChecks)
  const { startAt = 'trim_horizon', followTable = false } = options
  const position = parsePosition(startAt)
  const parentOf = (shardId: string) => emulator.shard(shardId).parentId
  const events: HistoryEvent[] = []
  const isExpected = expectedFrom(emulator, position, followTable)
  const report = () => checkHistory(events, truth())
  const truth = (): Truth => ({ written: emulator.records, isExpected, parentOf })

  const expectComplete = (): void => {
    const message = formatFaults(report(), emulator.records)
    if (message !== undefined) throw new AssertionError({ message, stackStartFn: expectComplete })
  }

  const processed = (record: Delivered): void => {
    aRecord('record', record)
    const { shardId, sequenceNumber } = record
    events.push({ processed: { shardId, sequenceNumber } })
  }

  return {
    processed,
    follow: async function* (records) {
      for await (const record of records) {
        yield record
        processed(record)
      }
    },
    restarted: (token) => {
      const covered = token === undefined ? undefined : withTimes(tokenCoverage(parseToken(token), parentOf))
      events.push({ restarted: { covered } })
      emulator.consumerRestarted()
    },
    report,
    expectComplete,
  }
}

/** Uses the time of the write for records without a time (`timestamps: 'missing'`). */
function withTimes(isCovered: (record: PlacedRecord) => boolean): (record: EmulatedRecord) => boolean {
  return ({ shardId, sequenceNumber, createdAt, writtenAt, raw }) =>
    isCovered({
      shardId,
      sequenceNumber,
      createdAt: createdAt ?? writtenAt,
      get keyHash() {
        return hashItemKey(new StreamRecord(raw, { shardId }, writtenAt).itemKey)
      },
    })
}

/** Returns a function that checks if a consumer that starts now at the position must process a record. */
function expectedFrom(
  emulator: StreamEmulator,
  position: ParsedPosition,
  followTable: boolean,
): (record: EmulatedRecord) => boolean {
  const { streamArn } = emulator
  const streamOf = (record: EmulatedRecord) => emulator.shard(record.shardId).streamArn
  const isSkipped = position.kind === 'latest' ? () => true : ({ trimmed }: EmulatedRecord) => trimmed
  const skipped = new Set(
    emulator.records.filter((record) => streamOf(record) !== streamArn || isSkipped(record)),
  )
  const isCovered =
    position.kind === 'latest'
      ? () => false
      : withTimes(positionCoverage(position, (shardId) => emulator.shard(shardId).parentId))
  return (record) =>
    !skipped.has(record) && !isCovered(record) && (followTable || streamOf(record) === streamArn)
}
