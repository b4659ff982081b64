import type { AttributeValue } from '@aws-sdk/client-dynamodb-streams'
import type { AttributeMap } from './attributes.ts'

import { isKept, keptNumber } from './numbers.ts'

/** The item with its numbers as DynamoDB keeps them; the same object where that changes nothing. */
export function withKeptNumbers(image: AttributeMap): AttributeMap {
  let kept = image
  for (const name in image) {
    const value = image[name] as AttributeValue
    const other = keptValue(value)
    if (other === value) continue
    if (kept === image) kept = { ...image }
    kept[name] = other
  }
  return kept
}

function keptValue(value: AttributeValue): AttributeValue {
  if (value.N !== undefined) return isKept(value.N) ? value : { N: keptNumber(value.N) }
  if (value.NS) return value.NS.every(isKept) ? value : { NS: value.NS.map(keptNumber) }
  if (value.M) {
    const kept = withKeptNumbers(value.M)
    return kept === value.M ? value : { M: kept }
  }
  if (value.L) {
    const kept = value.L.map(keptValue)
    return kept.every((member, index) => member === value.L?.[index]) ? value : { L: kept }
  }
  return value
}
