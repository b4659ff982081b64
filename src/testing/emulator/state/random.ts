/** Numbers from 0 (included) to 1 (excluded). */
export type Random = () => number

/**
 * A generator whose numbers follow from `seed` and `purpose` alone (sfc32). Every concern has a purpose of its own,
 * so that a fault drawn by chance doesn't change the ids that are made after it.
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

/** FNV-1a over the UTF-16 units of `text`, with a final mix, so that near texts land far apart. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A whole number from 0 (included) to `limit` (excluded). */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}

/** `digits` random hexadecimal digits in lower case. */
export function hex(random: Random, digits: number): string {
  let text = ''
  while (text.length < digits) {
    const bits = below(random, 2 ** 32)
    text += byteTexts[bits >>> 24] as string
    text += byteTexts[(bits >>> 16) & 255] as string
    text += byteTexts[(bits >>> 8) & 255] as string
    text += byteTexts[bits & 255] as string
  }
  return text.slice(0, digits)
}

/** As Java writes the random ones, which DynamoDB Local uses for the ids of its records. */
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

/** Looked up, as `toString(16)` of numbers beyond 31 bits takes a microsecond, and each record needs four. */
const byteTexts = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** As AWS writes the ids of requests: 52 digits and capital letters. */
export function requestId(random: Random): string {
  return Array.from({ length: 52 }, () => below(random, 36).toString(36))
    .join('')
    .toUpperCase()
}

/** The same elements in an order drawn by `random` (Fisher-Yates). */
export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const result = [...list]
  for (let last = result.length - 1; last > 0; last--) {
    const other = below(random, last + 1)
    const held = result[last] as T
    result[last] = result[other] as T
    result[other] = held
  }
  return result
}
