import { inspect, isDeepStrictEqual } from 'node:util'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import type { Paint, Style } from './paint.ts'
import { plainJson, plainText } from './plain-text.ts'
import { shortShardId } from './short-ids.ts'

/** Makes a record a text that ends its line. */
export type FormatRecord = (record: StreamRecord) => string

/** One JSON object a line, as `JSON.stringify(record)` gives it. */
export const jsonLine: FormatRecord = (record) => `${plainJson(JSON.stringify(record))}\n`

/** For people: what happened to which item, and what changed in it. */
export function prettyLines(paint: Paint): FormatRecord {
  return (record) => {
    const { eventName, keys, createdAt, shardId, sequenceNumber } = record
    const time = createdAt.toISOString().replace('T', ' ').slice(0, 19)
    const name = paint(styleOf[eventName] ?? 'yellow', plainText(String(eventName)).padEnd(6))
    const place = paint('dim', plainText(`${shortShardId(shardId)} ${sequenceNumber}`))
    const changes = changesOf(record).map((line) => `  ${line}\n`)
    return `${paint('dim', time)}  ${name}  ${paint('bold', show(keys))}  ${place}\n${changes.join('')}`
  }
}

const styleOf: Readonly<Partial<Record<string, Style>>> = { INSERT: 'green', MODIFY: 'cyan', REMOVE: 'red' }

function changesOf({ keys, oldImage, newImage }: StreamRecord): string[] {
  const before = oldImage ?? {}
  const after = newImage ?? {}
  if (!newImage)
    return attributesOf(before, keys).map((name) => `- ${plainText(name)}: ${show(before[name])}`)
  // Without an old image, as with the view type NEW_IMAGE, all of the item is shown.
  if (!oldImage) return attributesOf(after, keys).map((name) => `${plainText(name)}: ${show(after[name])}`)
  return attributesOf({ ...before, ...after }, keys)
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .map((name) => {
      const label = plainText(name)
      if (!Object.hasOwn(before, name)) return `+ ${label}: ${show(after[name])}`
      if (!Object.hasOwn(after, name)) return `- ${label}: ${show(before[name])}`
      return `${label}: ${show(before[name])} → ${show(after[name])}`
    })
}

function attributesOf(item: PlainItem, keys: Partial<PlainItem>): string[] {
  return Object.keys(item).filter((name) => !Object.hasOwn(keys, name))
}

function show(value: unknown): string {
  return plainText(
    inspect(value, {
      depth: 4,
      breakLength: Number.POSITIVE_INFINITY,
      maxStringLength: 200,
      maxArrayLength: 20,
    }),
  )
}
