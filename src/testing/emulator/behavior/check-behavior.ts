import { checkNames, integer, invalidOption } from '../../../core/options.ts'
import { type Behavior, profiles } from './behavior.ts'

type Numeric = {
  [Name in keyof Behavior]-?: Behavior[Name] extends number ? Name : never
}[keyof Behavior]

interface Range {
  readonly min: number
  readonly max: number
  /** Whether fractions are refused. */
  readonly integer?: boolean
}

const any: Range = { min: Number.NEGATIVE_INFINITY, max: Number.MAX_SAFE_INTEGER }
const notNegative: Range = { min: 0, max: Number.POSITIVE_INFINITY }
const count: Range = { min: 0, max: Number.POSITIVE_INFINITY, integer: true }

const ranges: Readonly<Record<Numeric, Range>> = {
  shardsPerPage: { min: 1, max: 100, integer: true },
  iteratorLifeMs: notNegative,
  latestOffset: count,
  emptyPagesAtStart: count,
  recordsPerPage: { min: 1, max: 1000, integer: true },
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
 * Throws `options.invalid` for an unknown name, and for a number that no service could have: a listing with 0
 * shards per page would never end.
 *
 * @param path - the prefix of option names in the error: `''` for the arguments themselves, `behavior` for a
 * member.
 * @param others - names that are accepted in addition to those of {@link Behavior}.
 */
export function checkBehavior(
  path: string,
  behavior: Partial<Behavior>,
  others: readonly string[] = [],
): void {
  checkNames(path, behavior, [...Object.keys(profiles.aws), ...others])
  for (const [name, range] of Object.entries(ranges)) {
    const value = behavior[name as Numeric]
    if (value !== undefined) checkNumber(path === '' ? name : `${path}.${name}`, value, range)
  }
}

/**
 * Throws `options.invalid` for a value outside the range. `Infinity`, which disables a limit, counts as an
 * integer.
 */
export function checkNumber(option: string, value: unknown, range: Range): void {
  const { min, max } = range
  if (range.integer && value !== Number.POSITIVE_INFINITY) {
    integer(option, value, min, max)
    return
  }
  if (typeof value === 'number' && value >= min && value <= max) return
  const bounds = max === Number.POSITIVE_INFINITY ? `of ${min} or more` : `from ${min} to ${max}`
  throw invalidOption(option, value, `a number ${bounds}`)
}
