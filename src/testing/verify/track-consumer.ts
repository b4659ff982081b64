import { AssertionError } from 'node:assert'
import { checkNames, namesOf } from '../../core/options.ts'
import { parseToken } from '../../position/parse-token.ts'
import { type ParsedPosition, type Position, parsePosition } from '../../position/position.ts'
import { positionCoverage, tokenCoverage } from '../../position/token-coverage.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'
import type { StreamEmulator } from '../emulator/stream-emulator.ts'
import { checkHistory, type HistoryEvent, type HistoryReport, type Truth } from './check-history.ts'
import type { Delivered } from './compare-delivery.ts'
import { formatFaults } from './format-faults.ts'

export interface TrackConsumerOptions {
  /**
   * Where the consumer begins, as it is told to `openStream` or `moveTo`: what was written before is not asked for.
   * With `'latest'`, what was written before {@link trackConsumer} was called.
   * @default 'trim_horizon'
   */
  readonly startAt?: Position | undefined
  /**
   * Whether the consumer goes on with the table's next stream when streaming is switched off and on again. Otherwise
   * the records of the stream that is the emulator's current one now are asked for, and no others.
   * @default false
   */
  readonly followTable?: boolean | undefined
}

const optionNames = namesOf<TrackConsumerOptions>({ startAt: true, followTable: true })

/** What a consumer did, for a verdict against what the emulator knows to be true. */
export interface ConsumerHistory {
  /** Tells that the consumer has processed a record; a `StreamRecord` will do. May be passed on as a callback. */
  readonly processed: (record: Delivered) => void
  /**
   * Gives the same records, and counts each as processed when the loop comes back for the next one. A record that the
   * loop is left with, by `break`, `return` or `throw`, was not processed.
   */
  readonly follow: <Record extends Delivered>(records: AsyncIterable<Record>) => AsyncIterable<Record>
  /**
   * Tells that the consumer was started again, as after a crash.
   * @param token the checkpoint that it starts from, an object or JSON text: what that covers must not come again, and
   * what it doesn't must come in order. Left out, everything may come once more.
   * @throws StreamError `token.invalid`
   */
  readonly restarted: (token?: unknown) => void
  /** What can be said so far. Records that were trimmed before they were processed are in it, and no fault. */
  report(): HistoryReport
  /**
   * Throws an `AssertionError` that names the records which were lost, repeated beyond the checkpoints, out of order
   * (by item and by shard), given out before the end of their parent shard, or made up.
   */
  expectComplete(): void
}

/**
 * Follows a consumer of the emulator's stream, of whatever make, and tells whether it kept everything.
 *
 * @example
 * const history = trackConsumer(emulator)
 * for await (const record of history.follow(stream)) await handle(record)
 * history.expectComplete()
 */
export function trackConsumer(emulator: StreamEmulator, options: TrackConsumerOptions = {}): ConsumerHistory {
  checkNames('', options, optionNames)
  const { startAt = 'trim_horizon', followTable = false } = options
  const position = parsePosition(startAt)
  const parentOf = (shardId: string) => emulator.shard(shardId).parentId
  const events: HistoryEvent[] = []
  const isOwed = owedFrom(emulator, position, followTable)
  const report = () => checkHistory(events, truth())
  const truth = (): Truth => ({ written: emulator.records, isOwed, parentOf })

  const expectComplete = (): void => {
    const message = formatFaults(report(), emulator.records)
    if (message !== undefined) throw new AssertionError({ message, stackStartFn: expectComplete })
  }

  const processed = ({ shardId, sequenceNumber }: Delivered): void => {
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
      const covered = token === undefined ? undefined : tokenCoverage(parseToken(token), parentOf)
      events.push({ restarted: { covered } })
      emulator.consumerRestarted()
    },
    report,
    expectComplete,
  }
}

/** Which records a consumer that begins now at the position has to process. */
function owedFrom(
  emulator: StreamEmulator,
  position: ParsedPosition,
  followTable: boolean,
): (record: EmulatedRecord) => boolean {
  const { streamArn } = emulator
  const streamOf = (record: EmulatedRecord) => emulator.shard(record.shardId).streamArn
  const isPast = position.kind === 'latest' ? () => true : ({ trimmed }: EmulatedRecord) => trimmed
  const past = new Set(emulator.records.filter((record) => streamOf(record) !== streamArn || isPast(record)))
  const isCovered =
    position.kind === 'latest'
      ? () => false
      : positionCoverage(position, (shardId) => emulator.shard(shardId).parentId)
  return (record) =>
    !past.has(record) && !isCovered(record) && (followTable || streamOf(record) === streamArn)
}
