import type { AttributeValue } from '@aws-sdk/client-dynamodb-streams'
import type { AttributeMap } from './attributes.ts'
import { isCanonicalNumber, normalizeNumber } from './numbers.ts'

/** Normalizes the numbers of an item as DynamoDB stores them. Returns the same object if nothing changes. */
export function normalizeImage(image: AttributeMap): AttributeMap {
  let result = image
  for (const name in image) {
    const value = image[name] as AttributeValue
    const normalized = normalizeValue(value)
    if (normalized === value) continue
    if (result === image) result = { ...image }
    result[name] = normalized
  }
  return result
}

function normalizeValue(value: AttributeValue): AttributeValue {
  if (value.N !== undefined) return isCanonicalNumber(value.N) ? value : { N: normalizeNumber(value.N) }
  if (value.NS) return value.NS.every(isCanonicalNumber) ? value : { NS: value.NS.map(normalizeNumber) }
  if (value.M) {
    const normalized = normalizeImage(value.M)
    return normalized === value.M ? value : { M: normalized }
  }
  if (value.L) {
    const normalized = value.L.map(normalizeValue)
    return normalized.every((member, index) => member === value.L?.[index]) ? value : { L: normalized }
  }
  return value
}
