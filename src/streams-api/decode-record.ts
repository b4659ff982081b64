import type { RawRecord, WireRecord } from './streams-api.ts'

/**
 * Makes a record, as parsed from the service's JSON, what the SDK's own deserialiser makes of it: times become
 * `Date`, binary values `Uint8Array` at every depth; members that are null, or unknown to the service's model, are
 * left out; an attribute type that is unknown becomes `$unknown`. The given record is not changed.
 *
 * One difference, on purpose: the value of an attribute named `__proto__` is kept, where the SDK loses it.
 */
export function decodeRecord(wire: WireRecord): RawRecord {
  return decodeStructure(wire, recordMembers) as RawRecord
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
  ['BS', (value) => (Array.isArray(value) ? value.map(decodeBinary) : value)],
  ['M', decodeAttributeMap],
  ['L', (value) => (Array.isArray(value) ? value.map(decodeAttribute) : value)],
  ['NULL', asIs],
  ['BOOL', asIs],
]

function decodeStructure(value: unknown, members: Members): unknown {
  if (!isObject(value)) return value
  const decoded = decodeMembers(value, members)
  // A structure that names its own type keeps what the model doesn't know; so the SDK has decided.
  if (typeof value.__type === 'string') {
    for (const [name, member] of Object.entries(value)) if (!(name in decoded)) decoded[name] = member
  }
  return decoded
}

function decodeAttribute(value: unknown): unknown {
  if (!isObject(value)) return value
  const decoded = decodeMembers(value, attributeTypes)
  const unknown = Object.entries(value).filter(
    ([name]) => name !== '__type' && !attributeTypes.some(([known]) => known === name),
  )
  if (unknown.length === 1 && Object.keys(decoded).length === 0) decoded.$unknown = unknown[0]
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
  // `fromEntries` defines its keys, so that an attribute named `__proto__` is one like any other.
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, decodeAttribute(member)]))
}

/** Seconds since 1970, as a number; some gateways send it as text. */
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
