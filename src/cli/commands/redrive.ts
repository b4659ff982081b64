import { systemClock } from '../../core/clock.ts'
import { findLetters } from '../../redrive/find-letters.ts'
import { type LetterSource, SourceError, type SourceFailure } from '../../redrive/letter-source.ts'
import { compareLetters, type QueuedLetter } from '../../redrive/queued-letter.ts'
import { redrive as redriveLetters } from '../../redrive/redrive.ts'
import { emptySummary, type RedriveSummary } from '../../redrive/summary.ts'
import { CliError, describeFailure, type ExitCode, exitCodes } from '../errors.ts'
import { importHandler } from '../handler-module.ts'
import { onInterrupt } from '../interrupt.ts'
import { openSource, openStreams } from '../letter-location.ts'
import { describeLocation, type RedriveOptions } from '../redrive-options.ts'
import {
  describeDryRun,
  describeSummary,
  type ListedRecord,
  listRecords,
  reportRedrive,
} from '../redrive-report.ts'
import { writeText } from '../standard-output.ts'
import type { Terminal } from '../terminal.ts'
import { escapeJson, escapeText, formatDuration, pluralize } from '../text.ts'

/** Handles dead letters again, or lists them. */
export async function redrive(options: RedriveOptions, terminal: Terminal): Promise<ExitCode> {
  using interrupt = onInterrupt()
  const { signal } = interrupt
  // Awaited, because the handlers of signals are removed when this function ends.
  return await (options.dryRun ? list(options, terminal, signal) : handle(options, terminal, signal))
}

async function handle(options: RedriveOptions, terminal: Terminal, stop: AbortSignal): Promise<ExitCode> {
  const { concurrency, limit, name, maxAttempts } = options
  const log = (line: string) => terminal.log(line)
  const handler = await importHandler(options.handler ?? '', maxAttempts)
  const source = await openSource(options, log)
  log(`handling the letters in ${describeLocation(options.from)}`)
  log('warning: a letter can be older than what was handled after it, which the handler must not overwrite')
  stop.addEventListener('abort', () => log('stopping once the running handlers have finished'), {
    once: true,
  })
  const { summary, failure, hasTooManyFailures } = await redriveLetters({
    source,
    handler,
    streams: openStreams(options),
    concurrency,
    limit,
    name,
    clock: systemClock,
    random: Math.random,
    stop,
    listener: reportRedrive({ from: options.from, log, now: () => performance.now() }),
  })
  log(describeSummary(summary))
  if (hasTooManyFailures) log('stopped, because too many letters could not be handled')
  if (failure !== undefined && !stop.aborted) throw explain(failure.error)
  return stop.aborted ? exitCodes.interrupted : exitCodeOf(summary)
}

/** Letters that are left for another reason than the limit or the name need attention. */
function exitCodeOf({ failed, behindOthers, lost, malformed, trimmed }: RedriveSummary): ExitCode {
  if (failed + behindOthers + lost + malformed > 0) return exitCodes.failed
  return trimmed > 0 ? exitCodes.trimmed : exitCodes.ok
}

async function list(options: RedriveOptions, terminal: Terminal, stop: AbortSignal): Promise<ExitCode> {
  const log = (line: string) => terminal.log(line)
  if (options.handler !== undefined) await importHandler(options.handler, options.maxAttempts)
  const source = await openSource({ ...options, handled: 'mark' }, log)
  const { letters, summary } = await find(options, source, log, stop)
  const records = letters.toSorted(compareLetters).slice(0, options.limit).flatMap(listRecords)
  const now = systemClock.now()
  const format = options.json ? toJson : (record: ListedRecord) => toText(record, now)
  await writeText(terminal.stdout, records.map((record) => `${format(record)}\n`).join(''))
  if (stop.aborted) return exitCodes.interrupted
  if (source.hasMore) log('the queue may contain more letters: only the first ones are listed')
  log(describeDryRun(letters.length, options.limit, summary))
  return exitCodeOf(summary)
}

async function find(
  { from, name, ...options }: RedriveOptions,
  source: LetterSource,
  log: (line: string) => void,
  stop: AbortSignal,
): Promise<{ readonly letters: readonly QueuedLetter[]; readonly summary: RedriveSummary }> {
  const report = reportRedrive({ from, log, now: () => performance.now() })
  const letters: QueuedLetter[] = []
  const summary = emptySummary()
  try {
    const found = findLetters({
      source,
      streams: openStreams({ from, name, ...options }),
      name,
      clock: systemClock,
      random: Math.random,
      stop,
      onOtherCount: report.otherCount,
    })
    for await (const item of found) {
      if (item.found === 'letter') letters.push(item.letter)
      else if (item.found === 'other') summary.ofOthers++
      else {
        summary[item.found]++
        report[item.found](item.place, item.reason)
      }
    }
  } catch (error) {
    throw explain(error)
  } finally {
    await source.close()
  }
  return { letters, summary: { ...summary, handledBefore: source.handledBefore } }
}

function toJson(record: ListedRecord): string {
  return escapeJson(JSON.stringify(record))
}

function toText(record: ListedRecord, now: number): string {
  const { condition, keyHash, shardId, sequenceNumber, createdAt, attempts, task, place } = record
  const age = formatDuration(Math.max(0, now - Date.parse(createdAt)))
  const tries = attempts === undefined ? 'attempts unknown' : pluralize(attempts, 'attempt')
  const columns = [condition, keyHash, shardId, sequenceNumber, `${age} old`, tries]
  if (task !== undefined) columns.push(`task ${task}`)
  return escapeText([...columns, place].join('  '))
}

const sourceExitCodes: Readonly<Record<SourceFailure, ExitCode>> = {
  denied: exitCodes.denied,
  notFound: exitCodes.notFound,
  failed: exitCodes.failed,
}

function explain(error: unknown): CliError {
  if (error instanceof SourceError) {
    const message = error.message.replace(/\.$/, '')
    const isUnreachable = describeFailure(error.cause).exitCode === exitCodes.unreachable
    const exitCode = isUnreachable ? exitCodes.unreachable : sourceExitCodes[error.kind]
    return new CliError(`source.${error.kind}`, message, exitCode, error)
  }
  if (error instanceof CliError) return error
  const { code, message, exitCode } = describeFailure(error, 'DynamoDB Streams')
  return new CliError(code, message, exitCode, error)
}
