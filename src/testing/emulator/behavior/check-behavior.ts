import { checkNames } from '../../../core/options.ts'
import { type Behavior, profiles } from './behavior.ts'

type Numeric = {
  [Name in keyof Behavior]-?: Behavior[Name] extends number ? Name : never
}[keyof Behavior]

interface Range {
  readonly min: number
  readonly max: number
  readonly whole?: boolean
}

const any: Range = { min: Number.NEGATIVE_INFINITY, max: Number.MAX_SAFE_INTEGER }
const notNegative: Range = { min: 0, max: Number.POSITIVE_INFINITY }
const count: Range = { min: 0, max: Number.POSITIVE_INFINITY, whole: true }

const ranges: Readonly<Record<Numeric, Range>> = {
  shardsPerPage: { min: 1, max: 100, whole: true },
  iteratorLifeMs: notNegative,
  latestOffset: count,
  emptyPagesAtStart: count,
  recordsPerPage: { min: 1, max: 1000, whole: true },
  bytesPerPage: { min: 1, max: Number.POSITIVE_INFINITY },
  readLagMs: notNegative,
  timestampJitterMs: notNegative,
  describesPerSecond: count,
  readsPerSecond: count,
  readersPerShard: count,
  retentionMs: notNegative,
  clockSkewMs: any,
}

/**
 * Throws `options.invalid` for a name that is not known, and a RangeError for a number that the service could not have:
 * a listing without shards would never end.
 *
 * @param path - what it is called in the error: `''` for the arguments themselves, `behavior` for a part of them.
 * @param others - names that are accepted beside those of {@link Behavior}.
 */
export function checkBehavior(
  path: string,
  behavior: Partial<Behavior>,
  others: readonly string[] = [],
): void {
  checkNames(path, behavior, [...Object.keys(profiles.aws), ...others])
  for (const [name, range] of Object.entries(ranges)) {
    const value = behavior[name as Numeric]
    if (value !== undefined) checkNumber(name, value, range)
  }
}

/** Throws a RangeError that names the number. */
export function checkNumber(name: string, value: number, { min, max, whole = false }: Range): void {
  const isWhole = Number.isInteger(value) || value === Number.POSITIVE_INFINITY
  if (value >= min && value <= max && (isWhole || !whole)) return
  const what = whole ? 'a whole number' : 'a number'
  const bounds = max === Number.POSITIVE_INFINITY ? `of ${min} or more` : `from ${min} to ${max}`
  throw new RangeError(`${name} must be ${what} ${bounds}, not ${value}`)
}
