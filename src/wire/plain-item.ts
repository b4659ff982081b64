import { NumberValueImpl, type unmarshallOptions } from '@aws-sdk/util-dynamodb'
import { decodeBinary } from './decode-record.ts'
import { defineOwn } from './define-own.ts'

/**
 * Converts an attribute map to what the SDK's `unmarshall` returns with the same options, several times faster and without
 * the SDK's form of the record in between.
 *
 * It knows what the service sends. For anything else (an unknown option or attribute type, a value of another type than its
 * attribute's, a number that JavaScript cannot represent) it returns undefined, and `unmarshall` decides. One difference, on
 * purpose: an attribute named `__proto__` is an own property of the item; the SDK loses it.
 *
 * @param form - 'json' if binary values are in base64, as on the wire; 'sdk' if they are bytes.
 */
export function toPlainItem(
  attributes: unknown,
  form: 'json' | 'sdk',
  options: unmarshallOptions = noOptions,
): Record<string, unknown> | undefined {
  const convert = conversions[form].get(options) ?? prepare(form, options)
  const item = convert === 'unknown' ? unreadable : toMap(attributes, convert)
  return item === unreadable ? undefined : (item as Record<string, unknown>)
}

const noOptions: unmarshallOptions = {}

/** What the options mean, computed once: the same object comes with every record. */
const conversions = {
  json: new WeakMap<unmarshallOptions, Convert | 'unknown'>(),
  sdk: new WeakMap<unmarshallOptions, Convert | 'unknown'>(),
}

function prepare(form: 'json' | 'sdk', options: unmarshallOptions): Convert | 'unknown' {
  const { wrapNumbers, convertWithoutMapWrapper, ...others } = options
  const known = !convertWithoutMapWrapper && Object.keys(others).length === 0
  const convert: Convert | 'unknown' = known
    ? { number: numberReader(wrapNumbers), binary: form === 'json' ? fromBase64 : asIs }
    : 'unknown'
  conversions[form].set(options, convert)
  return convert
}

interface Convert {
  readonly number: (text: string) => unknown
  readonly binary: (value: unknown) => unknown
}

/** Marks a value that is left to `unmarshall`, and so is every value around it. */
const unreadable = Symbol('unreadable')

/**
 * Members in the order of the service's model: of several, it is the first that counts. They are read one after another, as
 * most attributes have one of the first.
 */
function toValue(attribute: unknown, convert: Convert): unknown {
  if (typeof attribute !== 'object' || attribute === null) return unreadable
  const members = attribute as Readonly<Record<string, unknown>>
  const { S } = members
  if (isGiven(S)) return typeof S === 'string' ? S : unreadable
  const { N } = members
  if (isGiven(N)) return typeof N === 'string' ? convert.number(N) : unreadable
  const { B } = members
  if (isGiven(B)) return convert.binary(B)
  const { SS } = members
  if (isGiven(SS)) return Array.isArray(SS) ? new Set(SS) : unreadable
  const { NS } = members
  if (isGiven(NS)) return toSet(NS, (text) => (typeof text === 'string' ? convert.number(text) : unreadable))
  const { BS } = members
  if (isGiven(BS)) return toSet(BS, convert.binary)
  const { M } = members
  if (isGiven(M)) return toMap(M, convert)
  const { L } = members
  if (isGiven(L)) return toList(L, convert)
  const { NULL, BOOL } = members
  if (isGiven(NULL)) return null
  return typeof BOOL === 'boolean' ? BOOL : unreadable
}

function isGiven(member: unknown): boolean {
  return member !== undefined && member !== null
}

function toMap(attributes: unknown, convert: Convert): unknown {
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) return unreadable
  const map: Record<string, unknown> = {}
  // Of parsed JSON, `in` gives own names only; were Object.prototype tampered with, what it adds is unreadable.
  for (const name in attributes) {
    const value = toValue((attributes as Record<string, unknown>)[name], convert)
    if (value === unreadable) return unreadable
    defineOwn(map, name, value)
  }
  return map
}

function toList(attributes: unknown, convert: Convert): unknown {
  if (!Array.isArray(attributes)) return unreadable
  const list: unknown[] = new Array(attributes.length)
  for (let index = 0; index < attributes.length; index++) {
    const value = toValue(attributes[index], convert)
    if (value === unreadable) return unreadable
    list[index] = value
  }
  return list
}

function toSet(members: unknown, toMember: (member: unknown) => unknown): unknown {
  if (!Array.isArray(members)) return unreadable
  const set = new Set<unknown>()
  for (const member of members) {
    const value = toMember(member)
    if (value === unreadable) return unreadable
    set.add(value)
  }
  return set
}

function asIs(value: unknown): unknown {
  return value
}

function fromBase64(text: unknown): unknown {
  return typeof text === 'string' ? decodeBinary(text) : unreadable
}

function numberReader(wrapNumbers: unmarshallOptions['wrapNumbers']): (text: string) => unknown {
  if (typeof wrapNumbers === 'function') return wrapNumbers
  if (wrapNumbers) return (text) => NumberValueImpl.from(text)
  return (text) => {
    const number = Number(text)
    return Number.isSafeInteger(number) || Math.abs(number) < Number.MAX_SAFE_INTEGER ? number : toLarge(text)
  }
}

/** Integers beyond 2^53 are bigints; fractions of that size have no type in JavaScript. */
function toLarge(text: string): unknown {
  return /^-?\d+$/.test(text) ? BigInt(text) : unreadable
}
