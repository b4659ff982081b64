import { hashItemKey, itemKeyOf } from '../records/item-key.ts'
import type { WireRecord } from '../wire/wire-record.ts'
import { usageError } from './errors.ts'

/** The key of an item on the command line. */
export interface KeyArgument {
  /** As the user wrote it. */
  readonly text: string
  readonly keyHash: string
}

/** A hash as in events and dead letters. It may start with one or two hyphens, like an option. */
export const keyHashPattern: RegExp = /^[A-Za-z0-9_-]{22}$/

type Json = Readonly<Record<string, unknown>>

/**
 * Parses the hash of a key, or a key as JSON: in the format of DynamoDB, `{"id":{"S":"1"}}`, or plain,
 * `{"id":"1"}`.
 *
 * @throws CliError `usage`. The message does not contain the key.
 */
export function parseKeyArgument(text: string): KeyArgument {
  if (keyHashPattern.test(text)) return { text, keyHash: text }
  const key = parseJson(text)
  if (!isObject(key)) {
    throw usageError('KEY must be an item key as JSON, such as {"id":"42"}, or its hash of 22 characters')
  }
  const names = Object.keys(key)
  if (names.length === 0 || names.length > 2) throw usageError('KEY must have one or two attributes')
  const attributes = names.map((name) => [name, toAttribute(key[name])] as const)
  const record = { dynamodb: { Keys: Object.fromEntries(attributes) } } as unknown as WireRecord
  return { text, keyHash: hashItemKey(itemKeyOf(record) ?? '') }
}

function toAttribute(value: unknown): Json {
  if (typeof value === 'string') return { S: value }
  if (typeof value === 'number') {
    // Digits would have been lost when the JSON was parsed.
    if (Number.isSafeInteger(value)) return { N: String(value) }
    throw usageError('A number in KEY that is not a small integer must be written as in {"id":{"N":"1.5"}}')
  }
  const [type = '', ...others] = isObject(value) ? Object.keys(value) : []
  const content = isObject(value) ? value[type] : undefined
  if (others.length === 0 && ['S', 'N', 'B'].includes(type) && typeof content === 'string') {
    return { [type]: content }
  }
  throw usageError('The attributes of KEY must be strings, numbers, or as in {"id":{"B":"AQ=="}}')
}

/** Returns a parked key for people: plain if all attributes are strings or small integers. */
export function describeKey(key: string): string {
  const parsed = parseJson(key)
  if (!isObject(parsed)) return key
  const plain = Object.entries(parsed).map(([name, attribute]) => [name, toPlain(attribute)])
  return plain.some(([, value]) => value === undefined) ? key : JSON.stringify(Object.fromEntries(plain))
}

function toPlain(attribute: unknown): string | number | undefined {
  const { S, N } = (attribute ?? {}) as { S?: unknown; N?: unknown }
  if (typeof S === 'string') return S
  return typeof N === 'string' && Number.isSafeInteger(Number(N)) ? Number(N) : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
