import { debuglog } from 'node:util'
import { describeError } from '../core/describe-error.ts'
import type { LetterRecord, QueuedLetter } from '../redrive/queued-letter.ts'
import type { RecordFate } from '../redrive/record-attempts.ts'
import type { RedriveListener } from '../redrive/redrive.ts'
import type { RedriveSummary } from '../redrive/summary.ts'
import type { LetterLocation } from './redrive-options.ts'
import { pluralize } from './text.ts'

/** The shortest time between two lines about the progress, in ms. */
const PROGRESS_MS = 5_000

/** More lines about single letters would only hide the first ones. All letters are counted at the end. */
const MAX_LINES = 100

export interface ReportOptions {
  readonly from: LetterLocation
  readonly log: (line: string) => void
  /** Monotonic ms. */
  readonly now: () => number
}

/** What a single letter is called. */
export function letterNoun({ kind }: LetterLocation): string {
  return { queue: 'message', bucket: 'object', file: 'line' }[kind]
}

/**
 * Returns a listener that reports to the user. No line contains a value of an item: the messages of errors,
 * and the reasons of rejected and invalid records, could. They are printed if
 * NODE_DEBUG=dynamodb-stream-iterator.
 */
export function reportRedrive({ from, log, now }: ReportOptions): RedriveListener {
  const noun = letterNoun(from)
  let lines = 0
  let nextProgressAt = now() + PROGRESS_MS
  const logLetter = (place: string, text: string) => {
    lines++
    if (lines <= MAX_LINES) log(`${noun} ${place}: ${text}`)
    if (lines === MAX_LINES) log('further letters are only counted')
  }
  return {
    malformed: (place, reason) => logLetter(place, `${reason}; left in its place`),
    trimmed: (place, reason) =>
      logLetter(place, `its records are no longer in the stream (${reason}); left in its place`),
    otherCount: (place, found, expected) =>
      logLetter(
        place,
        `the failed batch had ${pluralize(expected, 'record')}, but the stream has ${found} at its place: ` +
          'all of them are handled, also those that a filter or another batch had excluded',
      ),
    severalNames: (names) =>
      log(
        `the letters are of several functions or runs, such as ${names.join(' and ')}: use --name to select one`,
      ),
    passStarted: ({ found }) => log(`found ${pluralize(found, 'letter')}`),
    older: ({ place }, record) =>
      logLetter(
        place,
        `${describeRecord(record)} is older than a record of its item that was handled before`,
      ),
    notHandled: ({ place, letter }, record, fate) => {
      logLetter(place, `${describeRecord(record)} ${describeFate(fate, letter.task)}; left in its place`)
      if ('error' in fate) debuglog('dynamodb-stream-iterator')('%o', fate.error)
    },
    abandoned: ({ sequenceNumber }) =>
      log(`the handler ignores its signal after handlerTimeoutMs; record ${sequenceNumber} is still running`),
    notRemoved: ({ place }) =>
      logLetter(place, 'was handled, but could not be removed: the next redrive will handle it again'),
    letterEnded: ({ found, handled, failed }) => {
      if (now() < nextProgressAt) return
      nextProgressAt = now() + PROGRESS_MS
      log(`handled ${handled} of ${pluralize(found, 'letter')}, ${failed} failed`)
    },
  }
}

function describeRecord({ sequenceNumber, keyHash }: LetterRecord): string {
  return `record ${sequenceNumber} (key ${keyHash})`
}

function describeFate(fate: RecordFate, task: string | undefined): string {
  switch (fate.fate) {
    case 'failed':
      return `failed ${fate.attempts === 1 ? 'once' : `${fate.attempts} times`}${describeReason(fate.error)}`
    case 'rejected':
      return 'was rejected by the handler'
    case 'invalid':
      return 'does not match the schema'
    case 'unknownTask':
      return `is a letter of the task ${JSON.stringify(task)}, which the handler module does not have`
    case 'lost':
      return 'was changed, or received by another consumer'
    default:
      return 'was not handled'
  }
}

/** The name and the code of an error. Without an error, a batch handler has named the record. */
function describeReason(error: unknown): string {
  if (error === undefined) return ''
  const { name, code } = describeError(error)
  return ` (${name}${code === undefined ? '' : `, ${code}`})`
}

/** Describes the result in one line. */
export function describeSummary(summary: RedriveSummary): string {
  const { found, handled, records, filtered } = summary
  return join([
    `handled ${handled} of ${pluralize(found, 'letter')} (${pluralize(records, 'record')})`,
    filtered > 0 && `${pluralize(filtered, 'record')} excluded by the filters`,
    ...countsOf(summary),
  ])
}

/** Describes what a dry run has found, in one line. `limit` may be infinite. */
export function describeDryRun(letters: number, limit: number, summary: RedriveSummary): string {
  const all = pluralize(letters, 'letter')
  return join([`${limit < letters ? `${limit} of ${all}` : all} would be handled`, ...countsOf(summary)])
}

function countsOf(summary: RedriveSummary): (string | false)[] {
  return (Object.entries(meanings) as [keyof typeof meanings, string][]).map(
    ([name, meaning]) => summary[name] > 0 && `${summary[name]} ${meaning}`,
  )
}

function join(parts: readonly (string | false)[]): string {
  return parts.filter((part) => part !== false).join('; ')
}

const meanings = {
  failed: 'failed',
  behindOthers: 'not started, because an earlier letter of the item was not handled',
  lost: 'changed, or received by another consumer',
  malformed: 'malformed',
  trimmed: 'without records, which are no longer in the stream',
  ofOthers: 'of another function or run',
  notStarted: 'not started',
  handledBefore: 'handled by an earlier redrive',
} as const satisfies Partial<Record<keyof RedriveSummary, string>>

/** A letter as it is listed by a dry run, without any value of the item. */
export interface ListedRecord {
  readonly place: string
  readonly condition: string
  readonly name: string
  readonly task: string | undefined
  readonly keyHash: string
  readonly streamArn: string
  readonly shardId: string
  readonly sequenceNumber: string
  readonly createdAt: string
  readonly attempts: number | undefined
}

export function listRecords({ place, letter, records }: QueuedLetter): ListedRecord[] {
  const { condition, name, task, attempts, range } = letter
  return records.map(({ keyHash, sequenceNumber, createdAtMs }) => ({
    place,
    condition,
    name,
    task,
    keyHash,
    streamArn: range.streamArn,
    shardId: range.shardId,
    sequenceNumber,
    createdAt: new Date(createdAtMs).toISOString(),
    attempts,
  }))
}
