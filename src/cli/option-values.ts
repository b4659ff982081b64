import { describeIntegerRange, isIntegerInRange } from '../core/options.ts'
import { usageError } from './errors.ts'

/** The values of the options by name; `true` for a flag. */
export type Values = Readonly<Record<string, string | boolean | undefined>>

/** @throws CliError `usage` */
export function stringOf(values: Values, name: string): string | undefined {
  const value = values[name]
  if (value === '') throw usageError(`--${name} requires a value`)
  return typeof value === 'string' ? value : undefined
}

/** @throws CliError `usage` */
export function integerOf(values: Values, name: string, min: number, max: number): number | undefined {
  const text = stringOf(values, name)
  if (text === undefined) return undefined
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (isIntegerInRange(value, min, max)) return value
  throw usageError(`--${name} is ${JSON.stringify(text)}, but must be ${describeIntegerRange(min, max)}`)
}

/** Returns the value of an option that accepts certain words, the first of which is the default. */
export function oneOf<const Word extends string>(
  values: Values,
  name: string,
  words: readonly [Word, ...Word[]],
): Word {
  const text = stringOf(values, name)
  if (text === undefined) return words[0]
  const word = words.find((known) => known === text)
  if (word !== undefined) return word
  throw usageError(`--${name} is ${JSON.stringify(text)}, but must be ${words.join(' or ')}`)
}

/** @throws CliError `usage` */
export function checkEndpoint(endpoint: string): void {
  const protocol = URL.canParse(endpoint) ? new URL(endpoint).protocol : undefined
  if (protocol === 'http:' || protocol === 'https:') return
  // The value is not shown, because it may contain a password.
  throw usageError('--endpoint must be a URL such as http://localhost:8000')
}
