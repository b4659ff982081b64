import type { StreamRecord } from '../../records/stream-record.ts'
import { openStream } from '../../stream/open-stream.ts'
import type { DynamoDBStream } from '../../stream/stream.ts'
import type { TailOptions } from '../arguments.ts'
import type { Connection } from '../connect.ts'
import { countText } from '../count-text.ts'
import { exactNumber } from '../exact-number.ts'
import { type FormatRecord, jsonLine, prettyLines } from '../format-record.ts'
import { noticesOf } from '../notices.ts'
import { type RecordOutput, recordOutput, type Written } from '../standard-output.ts'
import { type CheckpointFile, checkpointFile, nameForeignToken, startPosition } from '../start-position.ts'
import type { Terminal } from '../terminal.ts'
import { unlessAborted } from '../unless-aborted.ts'

/** Records in one write to standard output, at most. */
const RECORDS_PER_WRITE = 500

/**
 * Without following, a record this much newer than the beginning says that all that was there has come: records come
 * in the order of time, which is cut to the second, and at the tip as exact as one poll.
 */
const SURELY_NEWER_MS = 3_000

/** A tail has few records, and a file is quickly written. */
const SAVE_EVERY_MS = 1_000

/** Prints the records of a stream until it is told to stop, or there is nothing more to wait for. */
export async function tail(
  options: TailOptions,
  connection: Connection,
  terminal: Terminal,
  interrupt: AbortSignal,
): Promise<void> {
  const checkpoint = options.checkpoint === undefined ? undefined : checkpointFile(options.checkpoint)
  const finish = new AbortController()
  const stop = AbortSignal.any([interrupt, finish.signal])
  const stream = await open(options, checkpoint, connection, terminal, stop)
  if (!options.follow) stream.on('caughtUp', () => finish.abort())
  terminal.say(`reading ${stream.streamArn} from ${describeStart(options, checkpoint)}`)
  const printer: Printer = {
    format: options.format === 'json' ? jsonLine : prettyLines(terminal.paint),
    output: recordOutput(terminal.stdout),
    limit: options.limit,
    until: options.follow ? Number.POSITIVE_INFINITY : connection.firstAnswerAt + SURELY_NEWER_MS,
    stop,
    finish: () => finish.abort(),
  }
  let printed: Printed
  try {
    printed = await print(stream, printer)
  } catch (error) {
    await stream.close().catch(() => {})
    throw error
  }
  await stream.close()
  // After `| head` nobody wants to hear more.
  if (printed.last !== 'closed') terminal.say(describeEnd(printed, checkpoint))
}

async function open(
  options: TailOptions,
  checkpoint: CheckpointFile | undefined,
  connection: Connection,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<DynamoDBStream> {
  const startAt = await unlessAborted(startPosition(options.from), stop)
  // Before anything is printed, which would be printed again the next time.
  if (checkpoint) await unlessAborted(checkpoint.checkWritable(), stop)
  const notices = noticesOf({
    say: terminal.say,
    now: () => performance.now(),
    hasAnswered: () => connection.hasAnswered,
  })
  const signal = AbortSignal.any([stop, connection.noAnswer])
  const opening = openStream({
    client: connection.streams,
    tableClient: connection.tables,
    tableName: options.table,
    streamArn: options.arn,
    startAt,
    // --timeout does this, for all commands alike.
    connectTimeoutMs: 0,
    checkpoint: checkpoint && { store: checkpoint, name: checkpoint.name, everyMs: SAVE_EVERY_MS },
    onGap: options.onGap,
    unmarshallOptions: { wrapNumbers: exactNumber },
    listeners: {
      ...notices,
      retry: (event) => {
        connection.blame(event.error)
        notices.retry?.(event)
      },
    },
    signal,
  })
  return unlessAborted(opening, signal).catch((error: unknown) => {
    const file = checkpoint?.isFound ? `--checkpoint ${checkpoint.path}` : `--from ${options.from}`
    throw nameForeignToken(error, file)
  })
}

interface Printer {
  readonly format: FormatRecord
  readonly output: RecordOutput
  readonly limit: number
  /** No record from this time (ms) on is waited for: under steady writes there is always a new one. */
  readonly until: number
  /** The user, or {@link finish}, wants no more records. */
  readonly stop: AbortSignal
  finish(): void
}

interface Printed {
  readonly count: number
  /** What became of the last group. */
  readonly last: Written
  /** Records of the last group, if it was not written. */
  readonly notTaken: number
}

/** Prints records until the stream ends or the limit is reached. */
async function print(
  stream: DynamoDBStream,
  { format, output, limit, until, stop, finish }: Printer,
): Promise<Printed> {
  let count = 0
  let reached = 0
  let maxRecords = 0
  let batches: AsyncIterableIterator<readonly StreamRecord[]> | undefined
  while (count < limit && reached < until) {
    const most = Math.min(limit - count, RECORDS_PER_WRITE)
    if (batches === undefined || most !== maxRecords) {
      await batches?.return?.()
      maxRecords = most
      batches = stream.batches({ maxRecords })
    }
    const { value: batch, done } = await batches.next()
    if (done) return { count, last: 'written', notTaken: 0 }
    const last = await output.write(batch.map(format).join(''), stop)
    // Not acknowledged, and so not in the checkpoint.
    if (last !== 'written') return { count, last, notTaken: batch.length }
    stream.acknowledge()
    count += batch.length
    reached = batch.at(-1)?.createdAt.getTime() ?? reached
  }
  finish()
  return { count, last: 'written', notTaken: 0 }
}

function describeStart({ from, isFromGiven }: TailOptions, checkpoint: CheckpointFile | undefined): string {
  if (!checkpoint?.isFound) return from
  return `the checkpoint in ${checkpoint.path}${isFromGiven ? '; --from is for the first time only' : ''}`
}

function describeEnd({ count, notTaken }: Printed, checkpoint: CheckpointFile | undefined): string {
  const parts = [countText(count, 'record')]
  if (notTaken > 0) parts.push(`standard output did not take the next ${notTaken}`)
  if (checkpoint) parts.push(`the position is in ${checkpoint.path}`)
  return parts.join('; ')
}
