import { defineOwn } from './define-own.ts'
import { LazyRecord } from './lazy-records.ts'
import type { RawRecord, WireRecord } from './wire-record.ts'

/**
 * Converts a record, as parsed from the service's JSON, to what the SDK's deserializer returns: times become `Date`, binary
 * values `Uint8Array` at every depth; members that are null, or unknown to the service's model, are left out; an attribute of
 * an unknown type becomes `$unknown`. The given record is not changed.
 *
 * One difference, on purpose: the value of an attribute named `__proto__` is kept; the SDK loses it.
 */
export function decodeRecord(wire: WireRecord): RawRecord {
  return decodeStructure(wire instanceof LazyRecord ? wire.parsed : wire, recordMembers) as RawRecord
}

type Decode = (value: unknown) => unknown
type Members = readonly (readonly [name: string, decode: Decode])[]
type Json = Readonly<Record<string, unknown>>

const asIs: Decode = (value) => value

const streamRecordMembers: Members = [
  ['ApproximateCreationDateTime', decodeTime],
  ['Keys', decodeAttributeMap],
  ['NewImage', decodeAttributeMap],
  ['OldImage', decodeAttributeMap],
  ['SequenceNumber', asIs],
  ['SizeBytes', decodeNumber],
  ['StreamViewType', asIs],
]

const identityMembers: Members = [
  ['PrincipalId', asIs],
  ['Type', asIs],
]

const recordMembers: Members = [
  ['eventID', asIs],
  ['eventName', asIs],
  ['eventVersion', asIs],
  ['eventSource', asIs],
  ['awsRegion', asIs],
  ['dynamodb', (value) => decodeStructure(value, streamRecordMembers)],
  ['userIdentity', (value) => decodeStructure(value, identityMembers)],
]

const attributeTypes: Members = [
  ['S', asIs],
  ['N', asIs],
  ['B', decodeBinary],
  ['SS', asIs],
  ['NS', asIs],
  ['BS', decodeBinarySet],
  ['M', decodeAttributeMap],
  ['L', decodeList],
  ['NULL', asIs],
  ['BOOL', asIs],
]

const attributeDecoders: ReadonlyMap<string, Decode> = new Map(attributeTypes)

function decodeStructure(value: unknown, members: Members): unknown {
  if (!isObject(value)) return value
  const decoded = decodeMembers(value, members)
  // As in the SDK, a structure that names its own type keeps the members that the model does not know.
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
  if (type === undefined || decode === undefined || names.length > 1) return decodeOddAttribute(value, names)
  const member = value[type]
  return member === undefined || member === null ? {} : { [type]: decode(member) }
}

/** An attribute of several types, or of one that the model doesn't know. */
function decodeOddAttribute(value: Json, names: readonly string[]): unknown {
  const decoded = decodeMembers(value, attributeTypes)
  const unknown = names.filter((name) => name !== '__type' && !attributeDecoders.has(name))
  const [name] = unknown
  if (name !== undefined && unknown.length === 1 && Object.keys(decoded).length === 0) {
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

/** Seconds since 1970, as a number; some gateways send it as a string. */
function decodeTime(value: unknown): unknown {
  return new Date(Math.round(Number(value) * 1000))
}

function decodeNumber(value: unknown): unknown {
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : value
}

/** Base64, as JSON has no bytes. */
export function decodeBinary(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const { buffer, byteOffset, byteLength } = Buffer.from(value, 'base64')
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}
