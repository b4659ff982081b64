import { createHash } from 'node:crypto'
import { asLazyRecord } from '../wire/as-lazy-record.ts'
import type { WireRecord } from '../wire/wire-record.ts'
import { jsonSafe } from './json-safe.ts'

/**
 * Returns a string that identifies the item of a record within its table: the JSON of the record's `Keys` in
 * normal form. Attributes are sorted by name, because the service does not promise an order; numbers are
 * compared by value and binary values by content. The rest of the record is not parsed.
 *
 * Returns undefined if the record has no keys, which some emulators omit, or if they are not valid JSON.
 */
export function itemKeyOf(wire: WireRecord): string | undefined {
  const lazy = asLazyRecord(wire)
  if (lazy === undefined) return fromAttributes(wire.dynamodb?.Keys)
  const { keysJson } = lazy
  return keysJson === undefined ? undefined : (fromUsualJson(keysJson) ?? fromAttributes(parse(keysJson)))
}

/**
 * Returns 128 bits of the SHA-256 hash of an item key, in 22 characters of base64url. Tokens, dead letters
 * and events contain the hash, because keys can be long and may be confidential.
 */
export function hashItemKey(itemKey: string): string {
  return createHash('sha256').update(itemKey).digest().subarray(0, 16).toString('base64url')
}

/** One or two attributes that are strings or numbers, without whitespace and escape sequences. */
const usualKeys = /^\{"([^"\\]*)":\{"([NS])":"([^"\\]*)"\}(?:,"([^"\\]*)":\{"([NS])":"([^"\\]*)"\})?\}$/

/** Integers in normal form, which is how the service returns them. */
const plainInteger = /^(?:0|-?[1-9]\d{0,39})$/
/** More digits than any number of the service has (38). Larger integers are written with an exponent. */
const MAX_PLAIN_DIGITS = 40

/**
 * Returns the normal form of keys whose JSON differs from it at most in the order of the attributes, and
 * undefined for all others. This is several times faster than parsing them.
 */
function fromUsualJson(json: string): string | undefined {
  const match = usualKeys.exec(json)
  if (match === null) return undefined
  const [, name1 = '', type1, value1 = '', name2, type2, value2 = ''] = match
  if (type1 === 'N' && !plainInteger.test(value1)) return undefined
  // `join` copies the characters. A slice would keep the JSON of the whole record in memory.
  if (name2 === undefined) return ['{', json.slice(1)].join('')
  if (name1 === name2 || (type2 === 'N' && !plainInteger.test(value2))) return undefined
  if (name1 < name2) return ['{', json.slice(1)].join('')
  return ['{"', name2, '":{"', type2, '":"', value2, '"},"', name1, '":{"', type1, '":"', value1, '"}}'].join(
    '',
  )
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function fromAttributes(attributes: unknown): string | undefined {
  if (typeof attributes !== 'object' || attributes === null) return undefined
  const members = Object.entries(attributes).sort(([one], [other]) => (one < other ? -1 : 1))
  if (members.length === 0) return undefined
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${canonicalValue(value)}`).join()}}`
}

/** Keys consist of strings, numbers and binary values. Other types are compared as JSON. */
function canonicalValue(attribute: unknown): string {
  const { S, N, B } = (attribute ?? {}) as { S?: unknown; N?: unknown; B?: unknown }
  if (typeof S === 'string') return `{"S":${JSON.stringify(S)}}`
  if (typeof N === 'string') return `{"N":${JSON.stringify(canonicalNumber(N))}}`
  if (typeof B === 'string') return `{"B":"${Buffer.from(B, 'base64').toString('base64')}"}`
  if (ArrayBuffer.isView(B)) return `{"B":"${jsonSafe(B)}"}`
  return JSON.stringify(jsonSafe(attribute)) ?? 'null'
}

/**
 * Returns a string that is equal for equal numbers of any notation: an integer of up to 40 digits as it is
 * usually written, any other number as an integer that does not end with 0 and an exponent. What is not a
 * number is returned unchanged.
 */
function canonicalNumber(number: string): string {
  if (plainInteger.test(number)) return number
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[Ee]([+-]?\d+))?$/.exec(number)
  if (match === null) return number
  const [, sign, whole = '', fraction = '', power = '0'] = match
  const all = `${whole}${fraction}`
  if (all === '') return number
  let from = 0
  while (all[from] === '0') from++
  if (from === all.length) return '0'
  let to = all.length
  while (all[to - 1] === '0') to--
  const digits = all.slice(from, to)
  const exponent = Number(power) - fraction.length + all.length - to
  if (!Number.isSafeInteger(exponent)) return number
  const isPlain = exponent >= 0 && digits.length + exponent <= MAX_PLAIN_DIGITS
  return `${sign === '-' ? '-' : ''}${digits}${isPlain ? '0'.repeat(exponent) : `e${exponent}`}`
}
