import type { CallContext } from '../calls/context.ts'
import { invalid, notFound } from '../calls/errors.ts'
import type { AttributeMap } from '../state/attributes.ts'
import { streamStatus } from '../state/stream.ts'
import type { Table } from '../state/table.ts'
import { keySchemaJson } from './encode.ts'
import { isMembers, type Members, requiredString } from './parse-request.ts'
import { timeJson, writeJson } from './write-json.ts'

/** The part of DynamoDB's table API that the tests of a stream consumer use. */

export function describeTable({ table, now, behavior }: CallContext, members: Members): string {
  checkTable(table, members)
  const stream = table.current
  const status = streamStatus(stream, now)
  const description = {
    TableName: table.name,
    KeySchema: keySchemaJson(table),
    TableStatus: 'ACTIVE',
    CreationDateTime: timeJson(table.streams[0]?.createdAt ?? now, behavior.wireForm),
    ItemCount: table.items.size,
    TableArn: table.arn,
    StreamSpecification: status.startsWith('ENABL')
      ? { StreamEnabled: true, StreamViewType: stream.viewType }
      : undefined,
    LatestStreamLabel: stream.label,
    LatestStreamArn: stream.arn,
  }
  return writeJson({ Table: description }, behavior.wireForm)
}

/** Implements PutItem, without conditions. */
export function putItem(table: Table, members: Members, put: (item: AttributeMap) => void): string {
  checkTable(table, members)
  const item = requireKey(table, decodeAttributes(members.Item, 'Item'))
  return write(() => put(item))
}

/** Implements DeleteItem, without conditions. */
export function deleteItem(table: Table, members: Members, remove: (key: AttributeMap) => void): string {
  checkTable(table, members)
  const key = requireKey(table, decodeAttributes(members.Key, 'Key'))
  return write(() => remove(key))
}

/** Converts the error of an invalid attribute, such as a key that is a map, to `ValidationException`. */
function write(change: () => void): string {
  try {
    change()
  } catch (error) {
    throw error instanceof TypeError ? invalid(error.message) : error
  }
  return '{}'
}

function requireKey(table: Table, item: AttributeMap): AttributeMap {
  for (const name of table.keyNames) {
    if (item[name] === undefined) throw invalid(`One of the required keys was not given a value: ${name}`)
  }
  return item
}

/** `TableName` can be the name or the ARN of the table. */
function checkTable(table: Table, members: Members): void {
  const name = requiredString(members, 'TableName')
  if (members.ConditionExpression !== undefined) throw invalid('The emulator does not support expressions')
  if (table.deleted || (name !== table.name && name !== table.arn)) throw notFound(`Table: ${name}`)
}

/** Decodes an attribute map from the wire, where binary values are in base64. */
function decodeAttributes(value: unknown, name: string): AttributeMap {
  if (!isMembers(value)) throw invalid(`${name} is required`)
  return Object.fromEntries(
    Object.entries(value).map(([key, attribute]) => [key, decodeAttribute(attribute)]),
  ) as AttributeMap
}

function decodeAttribute(attribute: unknown): unknown {
  if (!isMembers(attribute)) throw invalid('An attribute value must be an object')
  const { B, BS, M, L } = attribute
  if (typeof B === 'string') return { B: decodeBase64(B) }
  if (Array.isArray(BS)) return { BS: BS.map((member) => decodeBase64(String(member))) }
  if (isMembers(M)) return { M: decodeAttributes(M, 'M') }
  if (Array.isArray(L)) return { L: L.map(decodeAttribute) }
  return attribute
}

function decodeBase64(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}
