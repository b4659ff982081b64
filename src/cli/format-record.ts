import { inspect, isDeepStrictEqual } from 'node:util'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import { shortShardId } from './format-shards.ts'
import type { StyleText, TextFormat } from './terminal.ts'
import { escapeJson, escapeText, formatTime } from './text.ts'

/** Formats a record as one or more lines, with a line break at the end. */
export type FormatRecord = (record: StreamRecord) => string

/** Formats a record as one line of JSON. */
export const jsonLine: FormatRecord = (record) => `${escapeJson(JSON.stringify(record))}\n`

/** Formats records for people: the event, the keys, and what changed in the item. */
export function prettyLines(style: StyleText): FormatRecord {
  return (record) => {
    const { eventName, keys, createdAt, shardId, sequenceNumber } = record
    const time = style('dim', formatTime(createdAt.getTime()))
    const name = style(eventFormats[eventName] ?? 'yellow', escapeText(String(eventName)).padEnd(6))
    const place = style('dim', escapeText(`${shortShardId(shardId)} ${sequenceNumber}`))
    const changes = describeChanges(record).map((line) => `  ${line}\n`)
    return `${time}  ${name}  ${style('bold', show(keys))}  ${place}\n${changes.join('')}`
  }
}

const eventFormats: Readonly<Partial<Record<string, TextFormat>>> = {
  INSERT: 'green',
  MODIFY: 'cyan',
  REMOVE: 'red',
}

function describeChanges({ keys, oldImage, newImage }: StreamRecord): string[] {
  const before = oldImage ?? {}
  const after = newImage ?? {}
  const showBefore = (name: string) => `${escapeText(name)}: ${show(before[name])}`
  const showAfter = (name: string) => `${escapeText(name)}: ${show(after[name])}`
  if (!newImage) return attributesOf(before, keys).map((name) => `- ${showBefore(name)}`)
  // Without an old image, as with the view type NEW_IMAGE, the changes are unknown: show the whole item.
  if (!oldImage) return attributesOf(after, keys).map(showAfter)
  return attributesOf({ ...before, ...after }, keys)
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .map((name) => {
      if (!Object.hasOwn(before, name)) return `+ ${showAfter(name)}`
      if (!Object.hasOwn(after, name)) return `- ${showBefore(name)}`
      return `${showBefore(name)} → ${show(after[name])}`
    })
}

function attributesOf(item: PlainItem, keys: Partial<PlainItem>): string[] {
  return Object.keys(item).filter((name) => !Object.hasOwn(keys, name))
}

function show(value: unknown): string {
  return escapeText(
    inspect(value, {
      depth: 4,
      breakLength: Number.POSITIVE_INFINITY,
      maxStringLength: 200,
      maxArrayLength: 20,
    }),
  )
}

/**
 * Converts a DynamoDB number, which has up to 38 digits: to a JavaScript number if that represents it
 * exactly, else to a string, so that no digit is lost.
 */
export function exactNumber(text: string): number | string {
  const value = Number(text)
  if (String(value) === text) return value
  // A double preserves up to 15 significant digits, in whatever notation they were written.
  const digits = text.replace(/e.*$/i, '').replaceAll(/[^\d]/g, '').replace(/^0+/, '')
  return digits.length <= 15 && Number.isFinite(value) ? value : text
}
