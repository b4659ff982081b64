import type { CallContext } from '../calls/context.ts'
import { invalid, notFound } from '../calls/errors.ts'
import type { AttributeMap } from '../state/attributes.ts'
import { streamStatus } from '../state/stream.ts'
import type { Table } from '../state/table.ts'
import { keySchemaJson } from './encode.ts'
import { isMembers, type Members, text } from './parse-request.ts'
import { timeJson, writeJson } from './write-json.ts'

/** The part of DynamoDB's own API that a consumer of streams meets. */

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

/** PutItem with `Item`, without conditions. */
export function putItem(table: Table, members: Members, put: (item: AttributeMap) => void): string {
  checkTable(table, members)
  const item = withKey(table, attributes(members.Item, 'Item'))
  try {
    put(item)
  } catch (error) {
    throw error instanceof TypeError ? invalid(error.message) : error
  }
  return '{}'
}

/** DeleteItem with `Key`, without conditions. */
export function deleteItem(table: Table, members: Members, remove: (key: AttributeMap) => void): string {
  checkTable(table, members)
  remove(withKey(table, attributes(members.Key, 'Key')))
  return '{}'
}

function withKey(table: Table, item: AttributeMap): AttributeMap {
  for (const name of table.keyNames) {
    if (item[name] === undefined) throw invalid(`One of the required keys was not given a value: ${name}`)
  }
  return item
}

/** The names under which DescribeTable and the writes know the table: its name and its ARN. */
function checkTable(table: Table, members: Members): void {
  const name = text(members, 'TableName')
  if (members.ConditionExpression !== undefined) throw invalid('The emulator knows no expressions')
  if (table.deleted || (name !== table.name && name !== table.arn)) throw notFound(`Table: ${name}`)
}

/** An attribute map as it comes over the wire; binary values are in base64. */
function attributes(value: unknown, name: string): AttributeMap {
  if (!isMembers(value)) throw invalid(`${name} must be given`)
  return Object.fromEntries(
    Object.entries(value).map(([key, attribute]) => [key, decode(attribute)]),
  ) as AttributeMap
}

function decode(attribute: unknown): unknown {
  if (!isMembers(attribute)) throw invalid('An attribute value must be an object')
  const { B, BS, M, L } = attribute
  if (typeof B === 'string') return { B: bytes(B) }
  if (Array.isArray(BS)) return { BS: BS.map((member) => bytes(String(member))) }
  if (isMembers(M)) return { M: attributes(M, 'M') }
  if (Array.isArray(L)) return { L: L.map(decode) }
  return attribute
}

function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}
