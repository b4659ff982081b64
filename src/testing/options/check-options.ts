import { types } from 'node:util'
import { checkNames, integer, invalidOption } from '../../core/options.ts'

/** Throws `options.invalid` if the option cannot have this value. */
export type Check = (option: string, value: unknown) => void

/** The check of each option. The compiler checks that none is missing. */
export type Checks<Options> = { readonly [Name in keyof Required<Options>]: Check }

/**
 * Checks the names and the values of options: a misspelled one would be ignored silently, and the test that
 * passes it would succeed without testing anything.
 *
 * @param path - the prefix of option names in the error: `''` for the options themselves, or the name of the
 * option that contains them, such as `behavior`.
 * @throws StreamError `options.invalid`
 */
export function checkOptions(path: string, options: unknown, checks: Readonly<Record<string, Check>>): void {
  checkNames(path, options, Object.keys(checks))
  for (const [name, check] of Object.entries(checks)) {
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined) check(path === '' ? name : `${path}.${name}`, value)
  }
}

/** @param expected - what the value must be, such as `a Date`. */
export function check(isValid: (value: unknown) => boolean, expected: string): Check {
  return (option, value) => {
    if (!isValid(value)) throw invalidOption(option, value, expected)
  }
}

export const aBoolean: Check = check((value) => typeof value === 'boolean', 'true or false')

export const aString: Check = check((value) => typeof value === 'string', 'a string')

export const aName: Check = check(
  (value) => typeof value === 'string' && value !== '',
  'a string that is not empty',
)

export const aFunction: Check = check((value) => typeof value === 'function', 'a function')

export const anObject: Check = check(isObject, 'an object')

export const aTime: Check = check(
  (value) => (typeof value === 'number' || types.isDate(value)) && Number.isFinite(Number(value)),
  'a valid Date or a number of ms since 1970',
)

/** @param values - the values of the option. The compiler checks that none is missing. */
export function oneOf<Value extends string>(values: Readonly<Record<Value, true>>): Check {
  const known = Object.keys(values)
  return check(
    (value) => known.includes(value as string),
    `one of ${known.map((one) => JSON.stringify(one)).join(', ')}`,
  )
}

/** @param values - what the list can contain. The compiler checks that none is missing. */
export function listOf<Value extends string>(values: Readonly<Record<Value, true>>): Check {
  const checkElement = oneOf(values)
  return (option, value) => {
    if (!Array.isArray(value)) throw invalidOption(option, value, 'an array')
    for (const [index, element] of value.entries()) checkElement(`${option}[${index}]`, element)
  }
}

/** Fractions are refused. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  return (option, value) => void integer(option, value, min, max)
}

/** `Infinity`, which disables a limit, is accepted too. */
export function limit(min: number): Check {
  return (option, value) => {
    if (value !== Number.POSITIVE_INFINITY) integer(option, value, min, Number.MAX_SAFE_INTEGER)
  }
}

export function numberFrom(min: number, max: number = Number.POSITIVE_INFINITY): Check {
  return check(
    (value) => typeof value === 'number' && value >= min && value <= max,
    `a number ${max === Number.POSITIVE_INFINITY ? `of ${min} or more` : `from ${min} to ${max}`}`,
  )
}

export const finiteNumber: Check = check(Number.isFinite, 'a finite number')

export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
