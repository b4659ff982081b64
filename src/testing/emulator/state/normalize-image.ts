import type { AttributeValue } from '@aws-sdk/client-dynamodb-streams'
import type { AttributeMap } from './attributes.ts'

import { isCanonicalNumber, normalizeNumber } from './numbers.ts'

/** The item with its numbers as DynamoDB keeps them; the same object where that changes nothing. */
export function normalizeImage(image: AttributeMap): AttributeMap {
  let kept = image
  for (const name in image) {
    const value = image[name] as AttributeValue
    const other = normalizeValue(value)
    if (other === value) continue
    if (kept === image) kept = { ...image }
    kept[name] = other
  }
  return kept
}

function normalizeValue(value: AttributeValue): AttributeValue {
  if (value.N !== undefined) return isCanonicalNumber(value.N) ? value : { N: normalizeNumber(value.N) }
  if (value.NS) return value.NS.every(isCanonicalNumber) ? value : { NS: value.NS.map(normalizeNumber) }
  if (value.M) {
    const kept = normalizeImage(value.M)
    return kept === value.M ? value : { M: kept }
  }
  if (value.L) {
    const kept = value.L.map(normalizeValue)
    return kept.every((member, index) => member === value.L?.[index]) ? value : { L: kept }
  }
  return value
}
