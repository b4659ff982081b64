import leven from 'leven'
import { StreamError } from './errors.ts'

/** Returns the names of all members of a type. The compiler checks that none is missing. */
export function namesOf<T>(names: { readonly [Name in keyof Required<T>]: true }): (keyof T & string)[] {
  return Object.keys(names) as (keyof T & string)[]
}

/** A function that has options, and an example of them, for an error message. */
export interface OptionsExample {
  readonly call: string
  /** Such as `{ tableName: 'orders' }`. */
  readonly options: string
  /** Describes what to do instead of using an unknown option, for names that users may expect. */
  readonly hint?: (name: string) => string | undefined
}

/**
 * Checks that `options` is an object with no names other than `known`, because a misspelled option would
 * otherwise be ignored silently.
 *
 * @param path - where the object is: `''` for the options themselves, or the name of an option, such as
 * `checkpoint`.
 * @param example - what the message shows if the options themselves are not an object.
 * @throws StreamError `options.invalid`
 */
export function checkNames(
  path: string,
  options: unknown,
  known: readonly string[],
  example?: OptionsExample,
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    if (path === '') throw noOptions(options, known, example)
    throw invalidOption(path, options, `an object with ${known.join(', ')}`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (known.includes(name) || value === undefined) continue
    throw unknownName('option', path === '' ? name : `${path}.${name}`, known, value, example?.hint)
  }
}

function noOptions(
  value: unknown,
  known: readonly string[],
  example: OptionsExample | undefined,
): StreamError<'options.invalid'> {
  const names = known.join(', ')
  const wanted =
    example === undefined
      ? `Expected an object with the options ${names}`
      : `${example.call} expects an object with options, such as ${example.options}`
  return new StreamError('options.invalid', `${wanted}, but got ${formatValue(value)}.`, {
    option: 'options',
    value,
    expected: `an object with ${names}`,
  })
}

/**
 * Returns the error for an unknown name. It suggests the closest known name, if one is similar.
 *
 * @param path - the full name for the message, such as `checkpoint.everyRecord`.
 * @param hintFor - see {@link OptionsExample.hint}.
 */
export function unknownName(
  what: 'option' | 'event' | 'call',
  path: string,
  known: readonly string[],
  value: unknown,
  hintFor?: OptionsExample['hint'],
): StreamError<'options.invalid'> {
  const nearest = nearestName(path.slice(path.lastIndexOf('.') + 1), known)
  const hint =
    nearest === undefined
      ? (hintFor?.(path) ?? `expected one of ${known.join(', ')}.`)
      : `did you mean ${nearest}?`
  return new StreamError('options.invalid', `There is no ${what} ${truncate(path)}; ${hint}`, {
    option: path,
    value,
    expected: nearest ?? known.join(', '),
  })
}

/**
 * Returns the known name that was probably meant: one that differs by a few letters, or that has the same
 * start. Case does not matter.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const candidates = known
    .map((candidate) => ({ candidate, ...compare(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((one, other) => one.differing - other.differing)
  const { candidate } =
    candidates.find(({ differing, longer }) => differing <= Math.min(Math.max(2, longer / 3), longer / 2)) ??
    candidates.find(
      ({ candidate: { length }, common, shorter }) => common === shorter && common >= Math.min(4, length),
    ) ??
    candidates.find(({ common, longer }) => common > longer / 2) ??
    {}
  return candidate
}

function compare(name: string, candidate: string) {
  let common = 0
  while (common < name.length && name[common] === candidate[common]) common++
  return {
    /** The number of letters to insert, to delete or to replace. */
    differing: leven(name, candidate),
    /** The number of letters at the start that are the same. */
    common,
    shorter: Math.min(name.length, candidate.length),
    longer: Math.max(name.length, candidate.length),
  }
}

/**
 * Returns `value` if it is a whole number from `min` to `max`.
 *
 * @throws StreamError `options.invalid`
 */
export function integer(option: string, value: unknown, min: number, max: number): number {
  if (isIntegerInRange(value, min, max)) return value
  throw invalidOption(option, value, describeIntegerRange(min, max))
}

export function isIntegerInRange(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}

/** The range as error messages show it. `Number.MAX_SAFE_INTEGER` and `Infinity` stand for no maximum. */
export function describeIntegerRange(min: number, max: number): string {
  return `a whole number ${max >= Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`}`
}

/**
 * Returns the error for an option whose value is invalid.
 *
 * @param expected - what the value must be, such as `a whole number from 1 to 1000`.
 * @param formatted - the value as the message shows it.
 */
export function invalidOption(
  option: string,
  value: unknown,
  expected: string,
  formatted: string = formatValue(value),
): StreamError<'options.invalid'> {
  return new StreamError('options.invalid', `Option ${option} is ${formatted}, but must be ${expected}.`, {
    option,
    value,
    expected,
  })
}

/** Describes a value for an error message. */
export function formatValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(truncate(value))
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? 'an array' : 'an object'
}

function truncate(string: string): string {
  return string.length > 200 ? `${string.slice(0, 200)}…` : string
}
