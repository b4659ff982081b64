import type { ParkedKey, ParkedRecord } from '../parking/parking-store.ts'
import { fromLambdaRecord } from '../records/from-lambda-record.ts'
import { StreamRecord } from '../records/stream-record.ts'
import { CliError, exitCodes } from './errors.ts'
import { exactNumber } from './format-record.ts'
import { describeKey } from './parked-key.ts'
import type { StyleText } from './terminal.ts'
import { escapeJson, escapeText, formatTime, pluralize } from './text.ts'

/** Longer keys are truncated. Their hashes identify them. */
const MAX_KEY_LENGTH = 40

const HEADINGS = ['HASH', 'KEY', 'STATE', 'RECORDS', 'PARKED SINCE (UTC)', 'ATTEMPTS', 'LAST ERROR']

/** Which columns contain numbers, which are aligned on the right. */
const NUMBERS = new Set(['RECORDS', 'ATTEMPTS'])

/** Formats parked keys as the lines of a table. */
export function parkedTable(keys: readonly ParkedKey[], style: StyleText): string[] {
  const rows = keys.map((key) => [
    escapeText(key.keyHash),
    shortKey(key.key),
    key.state,
    String(key.records),
    formatTime(key.parkedAt),
    String(key.progress?.attempts ?? 0),
    escapeText(key.progress?.error?.name ?? ''),
  ])
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = [HEADINGS, ...rows].map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return NUMBERS.has(HEADINGS[column] ?? '') ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
  return lines.map((line, index) => (index === 0 ? style('bold', line) : line))
}

/** Returns a key for people on one line. */
export function shortKey(key: string): string {
  const text = escapeText(describeKey(key))
  return text.length > MAX_KEY_LENGTH ? `${text.slice(0, MAX_KEY_LENGTH - 1)}…` : text
}

/** Formats a parked key as one line of JSON. The item key is an object in the format of DynamoDB. */
export function parkedJson(parked: ParkedKey): string {
  return escapeJson(JSON.stringify({ ...parked, key: parseKey(parked.key) }))
}

function parseKey(key: string): unknown {
  try {
    return JSON.parse(key)
  } catch {
    return key
  }
}

/** Formats what is known about a parked key, as lines for people. */
export function describeParked(parked: ParkedKey, style: StyleText): string[] {
  const { keyHash, key, state, records, parkedAt, progress } = parked
  const lines = [
    style('bold', `${escapeText(describeKey(key))}  ${keyHash}`),
    `${state} since ${formatTime(parkedAt)}, ${pluralize(records, 'record')}`,
  ]
  if (progress === undefined) return lines
  const { attempts, since, running, done, error } = progress
  const started = attempts === 0 ? '' : ` since ${formatTime(since)}`
  lines.push(`first record: ${pluralize(attempts, 'attempt')}${started}${running ? ', one is running' : ''}`)
  if (done !== undefined && done.length > 0) lines.push(`tasks done: ${escapeText(done.join(', '))}`)
  if (error !== undefined) {
    const code = error.code === undefined ? '' : ` (${error.code})`
    lines.push(`last error: ${style('red', escapeText(`${error.name}${code}`))}`)
  }
  return lines
}

/**
 * Returns the stream record in a parked record.
 *
 * @throws CliError `parking.failed` if it does not contain one. The message contains no values.
 */
export function toStreamRecord({ position, content }: ParkedRecord): StreamRecord {
  try {
    const { shardId, record } = JSON.parse(content)
    const { raw, createdAt } = fromLambdaRecord(record, String(shardId))
    const context = { shardId: String(shardId), unmarshallOptions: { wrapNumbers: exactNumber } }
    return new StreamRecord(raw, context, createdAt.getTime())
  } catch (error) {
    const message = `The parked record at the position ${position} does not contain a stream record`
    throw new CliError('parking.failed', message, exitCodes.checkpoint, error)
  }
}
