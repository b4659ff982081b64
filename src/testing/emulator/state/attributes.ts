import type { AttributeValue } from '@aws-sdk/client-dynamodb-streams'
import { numberBytes } from './numbers.ts'

/** An item or a key in DynamoDB's format of attribute values. */
export type AttributeMap = Record<string, AttributeValue>

/** Encodes the attributes `names` of a key as a string. Two strings are equal if and only if the keys are. */
export function keyText(key: AttributeMap, names: readonly string[]): string {
  let text = ''
  for (const name of names) {
    const value = key[name]
    const part =
      value?.S !== undefined
        ? `S${value.S}`
        : value?.N !== undefined
          ? `N${value.N}`
          : `B${Buffer.from(value?.B ?? []).toString('base64')}`
    text += text === '' ? part : `\u0000${part}`
  }
  return text
}

export function pick(item: AttributeMap, names: readonly string[]): AttributeMap {
  const result: AttributeMap = {}
  for (const name of names) {
    const value = item[name]
    if (value !== undefined) result[name] = value
  }
  return result
}

/**
 * Whether DynamoDB considers two images equal: a write that does not change an item produces no stream
 * record.
 */
export function sameImage(one: AttributeMap, other: AttributeMap): boolean {
  const names = Object.keys(one)
  if (names.length !== Object.keys(other).length) return false
  return names.every((name) => {
    const left = one[name]
    const right = other[name]
    return left !== undefined && right !== undefined && sameValue(left, right)
  })
}

function sameValue(one: AttributeValue, other: AttributeValue): boolean {
  if (one.S !== undefined) return one.S === other.S
  if (one.M && other.M) return sameImage(one.M, other.M)
  if (one.L && other.L) {
    const right = other.L
    return (
      one.L.length === right.length &&
      one.L.every((value, index) => sameValue(value, right[index] as AttributeValue))
    )
  }
  return canonical(one) === canonical(other)
}

/** Encodes a set, or a scalar other than a string. The members of a set have no order. */
function canonical(value: AttributeValue): string {
  if (value.N !== undefined) return `N${value.N}`
  if (value.BOOL !== undefined) return `BOOL${value.BOOL}`
  if (value.NULL !== undefined) return 'NULL'
  if (value.B !== undefined) return `B${base64(value.B)}`
  if (value.SS) return `SS${JSON.stringify([...value.SS].sort())}`
  if (value.NS) return `NS${JSON.stringify([...value.NS].sort())}`
  if (value.BS) return `BS${JSON.stringify(value.BS.map(base64).sort())}`
  return Object.keys(value).join()
}

/**
 * Returns the size of an image by DynamoDB's rules for item sizes: names and strings in UTF-8, numbers by
 * their digits, one byte for a boolean or null, and three bytes for a list or map plus one for each of its
 * members.
 */
export function imageBytes(image: AttributeMap | undefined): number {
  let bytes = 0
  for (const name in image) {
    bytes += Buffer.byteLength(name) + valueBytes(image[name] as AttributeValue)
  }
  return bytes
}

function valueBytes(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S)
  if (value.N !== undefined) return numberBytes(value.N)
  if (value.BOOL !== undefined || value.NULL !== undefined) return 1
  if (value.B !== undefined) return value.B.byteLength
  if (value.M) return 3 + Object.keys(value.M).length + imageBytes(value.M)
  if (value.L) return value.L.reduce((sum, member) => sum + 1 + valueBytes(member), 3)
  if (value.SS) return value.SS.reduce((sum, member) => sum + Buffer.byteLength(member), 0)
  if (value.NS) return value.NS.reduce((sum, member) => sum + numberBytes(member), 0)
  if (value.BS) return value.BS.reduce((sum, member) => sum + member.byteLength, 0)
  return 0
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
