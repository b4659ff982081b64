import { asLazyRecord } from './as-lazy-record.ts'
import { defineOwn } from './define-own.ts'
import type { RawRecord, WireRecord } from './wire-record.ts'

/**
 * Converts a record from the service's JSON to what the SDK's deserializer returns. Times become `Date` and
 * binary values become `Uint8Array`, at every depth. Members that are null, or that the service's model does
 * not define, are omitted. An attribute of an unknown type becomes `$unknown`. The input is not changed.
 *
 * One difference is intended: an attribute named `__proto__` keeps its value, which the SDK loses.
 */
export function decodeRecord(wire: WireRecord): RawRecord {
  return decodeStructure(asLazyRecord(wire)?.parsed ?? wire, recordMembers) as RawRecord
}

type Decode = (value: unknown) => unknown
type Members = readonly (readonly [name: string, decode: Decode])[]
type Json = Readonly<Record<string, unknown>>

const unchanged: Decode = (value) => value

const streamRecordMembers: Members = [
  ['ApproximateCreationDateTime', decodeTime],
  ['Keys', decodeAttributeMap],
  ['NewImage', decodeAttributeMap],
  ['OldImage', decodeAttributeMap],
  ['SequenceNumber', unchanged],
  ['SizeBytes', decodeNumber],
  ['StreamViewType', unchanged],
]

const identityMembers: Members = [
  ['PrincipalId', unchanged],
  ['Type', unchanged],
]

const recordMembers: Members = [
  ['eventID', unchanged],
  ['eventName', unchanged],
  ['eventVersion', unchanged],
  ['eventSource', unchanged],
  ['awsRegion', unchanged],
  ['dynamodb', (value) => decodeStructure(value, streamRecordMembers)],
  ['userIdentity', (value) => decodeStructure(value, identityMembers)],
]

const attributeTypes: Members = [
  ['S', unchanged],
  ['N', unchanged],
  ['B', decodeBinary],
  ['SS', unchanged],
  ['NS', unchanged],
  ['BS', decodeBinarySet],
  ['M', decodeAttributeMap],
  ['L', decodeList],
  ['NULL', unchanged],
  ['BOOL', unchanged],
]

const attributeDecoders: ReadonlyMap<string, Decode> = new Map(attributeTypes)

function decodeStructure(value: unknown, members: Members): unknown {
  if (!isObject(value)) return value
  const decoded = decodeMembers(value, members)
  // As in the SDK, a structure with a `__type` keeps the members that the model does not define.
  if (typeof value.__type === 'string') {
    for (const [name, member] of Object.entries(value)) if (!(name in decoded)) decoded[name] = member
  }
  return decoded
}

function decodeAttribute(value: unknown): unknown {
  if (!isObject(value)) return value
  const names = Object.keys(value)
  const type = names[0]
  const decode = type === undefined ? undefined : attributeDecoders.get(type)
  if (type === undefined || decode === undefined || names.length > 1)
    return decodeUnusualAttribute(value, names)
  const member = value[type]
  return member === undefined || member === null ? {} : { [type]: decode(member) }
}

/** Decodes an attribute with several types, or with one that the model does not define. */
function decodeUnusualAttribute(value: Json, names: readonly string[]): unknown {
  const decoded = decodeMembers(value, attributeTypes)
  const unknownNames = names.filter((name) => name !== '__type' && !attributeDecoders.has(name))
  const [name] = unknownNames
  if (name !== undefined && unknownNames.length === 1 && Object.keys(decoded).length === 0) {
    decoded.$unknown = [name, value[name]]
  }
  return decoded
}

function decodeMembers(value: Json, members: Members): Record<string, unknown> {
  const decoded: Record<string, unknown> = {}
  for (const [name, decode] of members) {
    const member = value[name]
    if (member !== undefined && member !== null) decoded[name] = decode(member)
  }
  return decoded
}

function decodeAttributeMap(value: unknown): unknown {
  if (!isObject(value)) return value
  const decoded: Record<string, unknown> = {}
  for (const name of Object.keys(value)) defineOwn(decoded, name, decodeAttribute(value[name]))
  return decoded
}

function decodeList(value: unknown): unknown {
  return Array.isArray(value) ? value.map(decodeAttribute) : value
}

function decodeBinarySet(value: unknown): unknown {
  return Array.isArray(value) ? value.map(decodeBinary) : value
}

/** Decodes seconds since 1970. They are a number, but some gateways send them as a string. */
function decodeTime(value: unknown): unknown {
  return new Date(Math.round(Number(value) * 1000))
}

function decodeNumber(value: unknown): unknown {
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : value
}

/** Decodes base64, the form of binary values in JSON. */
export function decodeBinary(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const { buffer, byteOffset, byteLength } = Buffer.from(value, 'base64')
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}
