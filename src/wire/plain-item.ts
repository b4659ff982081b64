import { NumberValueImpl, type unmarshallOptions } from '@aws-sdk/util-dynamodb'
import { decodeBinary } from './decode-record.ts'
import { defineOwn } from './define-own.ts'

/**
 * Converts an attribute map to what the SDK's `unmarshall` returns with the same options. It is several times
 * faster, and does not need the record in the SDK's form.
 *
 * It supports every attribute type of the service. For anything else (an unknown option or attribute type, a
 * value of the wrong type, a number that JavaScript cannot represent) it returns undefined, and the caller
 * falls back to `unmarshall`. One difference is intended: an attribute named `__proto__` becomes an own
 * property of the item, whereas the SDK loses it.
 *
 * @param form - `'json'` if binary values are in base64, as on the wire; `'sdk'` if they are bytes.
 */
export function toPlainItem(
  attributes: unknown,
  form: 'json' | 'sdk',
  options: unmarshallOptions = noOptions,
): Record<string, unknown> | undefined {
  const converters = cachedConverters[form].get(options) ?? createConverters(form, options)
  const item = converters === 'unsupported' ? unsupported : toMap(attributes, converters)
  return item === unsupported ? undefined : (item as Record<string, unknown>)
}

const noOptions: unmarshallOptions = {}

/** The converters for each options object. All records of a stream share one such object. */
const cachedConverters = {
  json: new WeakMap<unmarshallOptions, Converters | 'unsupported'>(),
  sdk: new WeakMap<unmarshallOptions, Converters | 'unsupported'>(),
}

function createConverters(form: 'json' | 'sdk', options: unmarshallOptions): Converters | 'unsupported' {
  const { wrapNumbers, convertWithoutMapWrapper, ...others } = options
  const isSupported = !convertWithoutMapWrapper && Object.keys(others).length === 0
  const converters: Converters | 'unsupported' = isSupported
    ? { number: numberConverter(wrapNumbers), binary: form === 'json' ? fromBase64 : unchanged }
    : 'unsupported'
  cachedConverters[form].set(options, converters)
  return converters
}

interface Converters {
  readonly number: (value: string) => unknown
  readonly binary: (value: unknown) => unknown
}

/** Marks a value that only `unmarshall` can convert, and every value that contains one. */
const unsupported = Symbol('unsupported')

/**
 * Converts an attribute. Its members are tried in the order of the service's model, because `unmarshall` uses
 * the first one if there are several. Most attributes have one of the first types, so trying them one by one
 * is fast.
 */
function toValue(attribute: unknown, convert: Converters): unknown {
  if (typeof attribute !== 'object' || attribute === null) return unsupported
  const members = attribute as Readonly<Record<string, unknown>>
  const { S } = members
  if (isPresent(S)) return typeof S === 'string' ? S : unsupported
  const { N } = members
  if (isPresent(N)) return typeof N === 'string' ? convert.number(N) : unsupported
  const { B } = members
  if (isPresent(B)) return convert.binary(B)
  const { SS } = members
  if (isPresent(SS)) return Array.isArray(SS) ? new Set(SS) : unsupported
  const { NS } = members
  if (isPresent(NS))
    return toSet(NS, (value) => (typeof value === 'string' ? convert.number(value) : unsupported))
  const { BS } = members
  if (isPresent(BS)) return toSet(BS, convert.binary)
  const { M } = members
  if (isPresent(M)) return toMap(M, convert)
  const { L } = members
  if (isPresent(L)) return toList(L, convert)
  const { NULL, BOOL } = members
  if (isPresent(NULL)) return null
  return typeof BOOL === 'boolean' ? BOOL : unsupported
}

function isPresent(member: unknown): boolean {
  return member !== undefined && member !== null
}

function toMap(attributes: unknown, convert: Converters): unknown {
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) return unsupported
  const map: Record<string, unknown> = {}
  // On parsed JSON, `for…in` yields only own names, unless Object.prototype was extended. An added property
  // is not a valid attribute, so it makes the map unsupported.
  for (const name in attributes) {
    const value = toValue((attributes as Record<string, unknown>)[name], convert)
    if (value === unsupported) return unsupported
    defineOwn(map, name, value)
  }
  return map
}

function toList(attributes: unknown, convert: Converters): unknown {
  if (!Array.isArray(attributes)) return unsupported
  const list: unknown[] = new Array(attributes.length)
  for (let index = 0; index < attributes.length; index++) {
    const value = toValue(attributes[index], convert)
    if (value === unsupported) return unsupported
    list[index] = value
  }
  return list
}

function toSet(members: unknown, toMember: (member: unknown) => unknown): unknown {
  if (!Array.isArray(members)) return unsupported
  const set = new Set<unknown>()
  for (const member of members) {
    const value = toMember(member)
    if (value === unsupported) return unsupported
    set.add(value)
  }
  return set
}

function unchanged(value: unknown): unknown {
  return value
}

function fromBase64(value: unknown): unknown {
  return typeof value === 'string' ? decodeBinary(value) : unsupported
}

function numberConverter(wrapNumbers: unmarshallOptions['wrapNumbers']): (value: string) => unknown {
  if (typeof wrapNumbers === 'function') return wrapNumbers
  if (wrapNumbers) return (value) => NumberValueImpl.from(value)
  return (value) => {
    const number = Number(value)
    const isRepresentable = Number.isSafeInteger(number) || Math.abs(number) < Number.MAX_SAFE_INTEGER
    return isRepresentable ? number : toBigInt(value)
  }
}

/** Integers beyond 2^53 become `bigint`. JavaScript has no type for fractions of that size. */
function toBigInt(value: string): unknown {
  return /^-?\d+$/.test(value) ? BigInt(value) : unsupported
}
