import { distance } from 'fastest-levenshtein'
import { StreamError } from './errors.ts'

/** The names of all members of a type; the compiler checks that none is missing. */
export function namesOf<T>(names: { readonly [Name in keyof Required<T>]: true }): (keyof T & string)[] {
  return Object.keys(names) as (keyof T & string)[]
}

/**
 * Checks that `options` is an object, and that it has no names but `known`: a misspelt one would be ignored.
 *
 * @param path - what it is called in the error: `''` for the options themselves, `checkpoint` for a part of them.
 */
export function checkNames(path: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(path || 'options', options, `an object with ${known.join(', ')}`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (known.includes(name) || value === undefined) continue
    throw unknownName('option', path === '' ? name : `${path}.${name}`, known, value)
  }
}

/**
 * Returns the error for an unknown name, with the nearest known one if there is one.
 *
 * @param path - the name as the error shows it, such as `checkpoint.everyRecord`.
 */
export function unknownName(
  what: 'option' | 'event' | 'call',
  path: string,
  known: readonly string[],
  value: unknown,
): StreamError<'options.invalid'> {
  const near = nearestName(path.slice(path.lastIndexOf('.') + 1), known)
  const hint = hintFor(path, near, known)
  return new StreamError('options.invalid', `There is no ${what} ${shortened(path)}; ${hint}`, {
    option: path,
    value,
    expected: near ?? known.join(', '),
  })
}

/** Settings that users of the SDK look for here first. */
const CLIENT_SETTINGS: ReadonlySet<string> = new Set(['region', 'endpoint', 'credentials', 'profile'])

function hintFor(path: string, near: string | undefined, known: readonly string[]): string {
  if (near !== undefined) return `did you mean ${near}?`
  if (CLIENT_SETTINGS.has(path) && known.includes('client')) {
    return `give it to the SDK's clients, as in client: new DynamoDBStreamsClient({ ${path} }).`
  }
  return `known are ${known.join(', ')}.`
}

/** The known name that was probably meant: one that differs by a few letters, or where one is the start of the other. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const name = given.toLowerCase()
  const distances = known.map((one) => distance(name, one.toLowerCase()))
  const least = Math.min(...distances)
  if (least <= Math.max(2, name.length / 3)) return known[distances.indexOf(least)]
  return known.find((one) => one.toLowerCase().startsWith(name) || name.startsWith(one.toLowerCase()))
}

/** Checks that a value is a whole number in a range. */
export function integer(option: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`
  throw invalidOption(option, value, `a whole number ${range}`)
}

/** @param shown - the value as the message shows it. */
export function invalidOption(
  option: string,
  value: unknown,
  expected: string,
  shown: string = show(value),
): StreamError<'options.invalid'> {
  return new StreamError('options.invalid', `Option ${option} is ${shown}, but must be ${expected}.`, {
    option,
    value,
    expected,
  })
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value))
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? 'an array' : 'an object'
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
