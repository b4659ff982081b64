import type { RecordProgress } from '../shards/shard-ledger.ts'

/** The lengths that a token accepts. */
const MAX_LENGTH = 200

/** Returns the name and code of an error for a token: never its message, which may contain item values. */
export function identifyError(error: unknown): RecordProgress['error'] {
  const name = stringOf(error, 'name')
  if (name === undefined) return undefined
  const code = stringOf(error, 'code')
  return code === undefined ? { name } : { name, code }
}

/** Handlers may throw anything, such as a proxy on which every operation throws. */
function stringOf(error: unknown, property: string): string | undefined {
  try {
    const value = Reflect.get(Object(error), property)
    return typeof value === 'string' && value !== '' ? value.slice(0, MAX_LENGTH).toWellFormed() : undefined
  } catch {
    return undefined
  }
}
