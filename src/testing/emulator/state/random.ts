/** Returns a number from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number

/**
 * Creates a generator (sfc32) whose numbers depend on `seed` and `purpose` only. Each concern has a separate
 * purpose, so that a random fault does not change the ids that are generated after it.
 */
export function seededRandom(seed: number | string, purpose: string): Random {
  let a = hash32(`${seed}/${purpose}/a`)
  let b = hash32(`${seed}/${purpose}/b`)
  let c = hash32(`${seed}/${purpose}/c`)
  let counter = 1
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let round = 0; round < 12; round++) next()
  return next
}

/** FNV-1a over the UTF-16 code units of `text`, with a final mix that spreads similar strings. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Returns an integer from 0 (inclusive) to `limit` (exclusive). */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}

/** Returns `digits` random hexadecimal digits in lower case. */
export function hex(random: Random, digits: number): string {
  let text = ''
  while (text.length < digits) {
    const bits = below(random, 2 ** 32)
    text += hexBytes[bits >>> 24] as string
    text += hexBytes[(bits >>> 16) & 255] as string
    text += hexBytes[(bits >>> 8) & 255] as string
    text += hexBytes[bits & 255] as string
  }
  return text.slice(0, digits)
}

/** Returns a random UUID, which DynamoDB Local uses as `eventID`. */
export function uuid(random: Random): string {
  const digits = hex(random, 32)
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => digits.slice(from, to))
    .join('-')
}

/**
 * A lookup table, because `toString(16)` of a number above 31 bits takes a microsecond, and each record needs
 * four.
 */
const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Returns a request id in AWS's format: 52 digits and capital letters. */
export function requestId(random: Random): string {
  return Array.from({ length: 52 }, () => below(random, 36).toString(36))
    .join('')
    .toUpperCase()
}

/** Returns the elements in random order (Fisher-Yates). */
export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const result = [...list]
  for (let last = result.length - 1; last > 0; last--) {
    const other = below(random, last + 1)
    const swapped = result[last] as T
    result[last] = result[other] as T
    result[other] = swapped
  }
  return result
}
