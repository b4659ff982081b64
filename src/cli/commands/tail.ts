import { abortable } from '../../core/abortable.ts'
import type { StreamRecord } from '../../records/stream-record.ts'
import { openStream } from '../../stream/open-stream.ts'
import type { DynamoDBStream } from '../../stream/stream.ts'
import type { TailOptions } from '../arguments.ts'
import { type CheckpointFile, checkpointFile, explainStreamMismatch } from '../checkpoint-file.ts'
import { exactNumber, type FormatRecord, jsonLine, prettyLines } from '../format-record.ts'
import { type RecordOutput, recordOutput, type WriteResult } from '../standard-output.ts'
import { parseStartPosition } from '../start-position.ts'
import { pluralize } from '../text.ts'
import type { CommandContext } from './context.ts'

const MAX_RECORDS_PER_WRITE = 500

/**
 * With `--no-follow`: once a record is this much newer than the start of the command, all existing records
 * have been delivered. Records are delivered in the order of their times, which are truncated to the second;
 * at the tip, the order is only as exact as one poll.
 */
const CERTAINLY_NEWER_MS = 3_000

/**
 * More often than the default of the library: `tail` prints few records, and a small file is saved quickly.
 */
const SAVE_EVERY_MS = 1_000

/** Prints the records of a stream until it is interrupted or the limit or the end is reached. */
export async function tail(options: TailOptions, context: CommandContext): Promise<void> {
  const { connection, terminal, interrupt } = context
  const checkpoint = options.checkpoint === undefined ? undefined : checkpointFile(options.checkpoint)
  const finish = new AbortController()
  const stop = AbortSignal.any([interrupt, finish.signal])
  const stream = await open(options, checkpoint, context, stop)
  if (!options.follow) stream.on('caughtUp', () => finish.abort())
  terminal.log(`reading ${stream.streamArn} from ${describeStart(options, checkpoint)}`)
  const startedAt = connection.firstResponse.firstResponseAt
  const printer: Printer = {
    format: options.format === 'json' ? jsonLine : prettyLines(terminal.style),
    output: recordOutput(terminal.stdout),
    limit: options.limit,
    until: options.follow ? Number.POSITIVE_INFINITY : startedAt + CERTAINLY_NEWER_MS,
    stop,
    finish: () => finish.abort(),
  }
  let result: PrintResult
  try {
    result = await print(stream, printer)
  } catch (error) {
    await stream.close().catch(() => {})
    throw error
  }
  await stream.close()
  // After `| head`, no summary is expected.
  if (result.lastWrite !== 'closed') terminal.log(describeEnd(result, checkpoint))
}

async function open(
  options: TailOptions,
  checkpoint: CheckpointFile | undefined,
  { connection, notices }: CommandContext,
  stop: AbortSignal,
): Promise<DynamoDBStream> {
  const { firstResponse } = connection
  const startAt = await abortable(parseStartPosition(options.from), stop)
  // Before any record is printed: without a checkpoint it would be printed again the next time.
  if (checkpoint) await abortable(checkpoint.checkWritable(), stop)
  const { gap, ...otherNotices } = notices
  const signal = AbortSignal.any([stop, firstResponse.signal])
  const opening = openStream({
    client: connection.streamsClient,
    tableClient: connection.tableClient,
    tableName: options.table,
    streamArn: options.arn,
    startAt,
    // The command has its own timeout, --timeout.
    connectTimeoutMs: 0,
    checkpoint: checkpoint && { store: checkpoint, name: checkpoint.name, everyMs: SAVE_EVERY_MS },
    onGap: options.onGap,
    unmarshallOptions: { wrapNumbers: exactNumber },
    // With `--on-gap stop`, the error that ends the command reports the gap.
    listeners: { ...otherNotices, ...(options.onGap === 'continue' && { gap }) },
    signal,
  })
  return abortable(opening, signal).catch((error: unknown) => {
    const source = checkpoint?.isFound
      ? {
          file: `--checkpoint ${checkpoint.path}`,
          advice: 'Use another file, or move this one away to start over',
        }
      : { file: `--from ${options.from}`, advice: 'Use a token of this stream' }
    throw explainStreamMismatch(error, source)
  })
}

interface Printer {
  readonly format: FormatRecord
  readonly output: RecordOutput
  readonly limit: number
  /**
   * Printing ends at the first record created at or after this time (ms), because `caughtUp` may never be
   * emitted on a busy stream.
   */
  readonly until: number
  /** Aborts on an interrupt or on {@link finish}. */
  readonly stop: AbortSignal
  finish(): void
}

interface PrintResult {
  readonly count: number
  readonly lastWrite: WriteResult
  /** Records of the last batch, if it was not written. */
  readonly unwritten: number
}

/** Prints records until the stream ends or the limit is reached. */
async function print(
  stream: DynamoDBStream,
  { format, output, limit, until, stop, finish }: Printer,
): Promise<PrintResult> {
  let count = 0
  let lastCreatedAt = 0
  let maxRecords = 0
  let batches: AsyncIterableIterator<readonly StreamRecord[]> | undefined
  while (count < limit && lastCreatedAt < until) {
    const nextMaxRecords = Math.min(limit - count, MAX_RECORDS_PER_WRITE)
    if (batches === undefined || nextMaxRecords !== maxRecords) {
      await batches?.return?.()
      maxRecords = nextMaxRecords
      batches = stream.batches({ maxRecords })
    }
    const { value: batch, done } = await batches.next()
    if (done) return { count, lastWrite: 'written', unwritten: 0 }
    const lastWrite = await output.write(batch.map(format).join(''), stop)
    // The batch is not acknowledged, so the checkpoint does not cover it.
    if (lastWrite !== 'written') return { count, lastWrite, unwritten: batch.length }
    stream.acknowledge()
    count += batch.length
    lastCreatedAt = batch.at(-1)?.createdAt.getTime() ?? lastCreatedAt
  }
  finish()
  return { count, lastWrite: 'written', unwritten: 0 }
}

function describeStart(
  { from, isFromExplicit }: TailOptions,
  checkpoint: CheckpointFile | undefined,
): string {
  if (!checkpoint?.isFound) return from
  return `the checkpoint in ${checkpoint.path}${isFromExplicit ? ' (ignoring --from)' : ''}`
}

function describeEnd({ count, unwritten }: PrintResult, checkpoint: CheckpointFile | undefined): string {
  const parts = [`printed ${pluralize(count, 'record')}`]
  if (unwritten > 0) parts.push(`${pluralize(unwritten, 'record')} not read from standard output`)
  if (checkpoint) parts.push(`position saved in ${checkpoint.path}`)
  return parts.join('; ')
}
