import { formatValue, invalidOption } from '../core/options.ts'
import { invalidPattern, keyPath, unknownMember } from './pattern-error.ts'
import { elementsOf } from './pattern-limits.ts'

/** Whether a string, number, boolean or null of a record matches. */
export type ValueTest = (value: unknown) => boolean

/** What a match expression such as `{ "prefix": "us-" }` means. */
export type Operator =
  | { readonly kind: 'value'; readonly test: ValueTest }
  /** `{ "exists": false }` matches a field that is absent, so there is no value to test. */
  | { readonly kind: 'absent' }

/**
 * The operators of Lambda, and how their arguments are parsed.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
 */
const operators: Readonly<Record<string, (argument: unknown, path: string) => Operator>> = {
  prefix: (argument, path) => {
    const prefix = stringArgument(argument, path)
    return valueTest((value) => typeof value === 'string' && value.startsWith(prefix))
  },
  suffix: (argument, path) => {
    const suffix = stringArgument(argument, path)
    return valueTest((value) => typeof value === 'string' && value.endsWith(suffix))
  },
  'equals-ignore-case': (argument, path) => valueTest(equalsIgnoreCase(stringArgument(argument, path))),
  'anything-but': (argument, path) => valueTest(anythingBut(argument, path)),
  numeric: (argument, path) => valueTest(numeric(argument, path)),
  exists: (argument, path) => {
    if (argument === true) return valueTest(() => true)
    if (argument === false) return { kind: 'absent' }
    throw invalidOption(path, argument, 'true or false')
  },
}

export const operatorNames: readonly string[] = Object.keys(operators)

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html */
const busOperators: ReadonlySet<string> = new Set(['wildcard', 'cidr'])

/**
 * Parses a match expression: an object with one operator.
 *
 * @throws StreamError `options.invalid`
 */
export function parseOperator(expression: object, path: string): Operator {
  const entries = Object.entries(expression).filter(([, argument]) => argument !== undefined)
  const [entry, second] = entries
  if (entry === undefined || second !== undefined) {
    throw invalidPattern(
      path,
      expression,
      `an object with one of ${operatorNames.join(', ')}`,
      `Option ${path} has ${entries.length} operators, but must have one. Write one object per operator.`,
    )
  }
  const [name, argument] = entry
  const argumentPath = keyPath(path, name)
  const parse = Object.hasOwn(operators, name) ? operators[name] : undefined
  if (parse === undefined) throw unknownOperator(name, argument, argumentPath)
  return parse(argument, argumentPath)
}

function unknownOperator(name: string, argument: unknown, path: string) {
  if (busOperators.has(name)) return busOnly(`The operator ${name}`, path, argument)
  return unknownMember('operator', path, name, operatorNames, argument)
}

/** The error for what EventBridge has added since Lambda adopted its syntax. */
function busOnly(what: string, path: string, value: unknown) {
  return invalidPattern(
    path,
    value,
    `one of the operators of Lambda: ${operatorNames.join(', ')}`,
    `${what} (${path}) works on an EventBridge bus, not in Lambda. Use a filter function instead.`,
  )
}

function valueTest(test: ValueTest): Operator {
  return { kind: 'value', test }
}

function stringArgument(argument: unknown, path: string): string {
  if (typeof argument === 'string') return argument
  const [nested] = typeof argument === 'object' && argument !== null ? Object.keys(argument) : []
  if (nested === 'equals-ignore-case') {
    throw busOnly('Ignoring the case of a prefix or suffix', keyPath(path, nested), argument)
  }
  throw invalidOption(path, argument, 'a string')
}

/**
 * EventBridge compares character by character, and accepts the upper and the lower case of each: `ß` does not
 * equal `SS`.
 */
function equalsIgnoreCase(expected: string): ValueTest {
  const characters = Array.from(expected, (character) => [character.toLowerCase(), character.toUpperCase()])
  return (value) => {
    if (typeof value !== 'string') return false
    let at = 0
    for (const cases of characters) {
      const character = cases.find((either) => value.startsWith(either, at))
      if (character === undefined) return false
      at += character.length
    }
    return at === value.length
  }
}

/**
 * Matches every value that is not listed, of any type: `anything-but` a number matches each string, and also
 * null. It does not match an absent field.
 */
function anythingBut(argument: unknown, path: string): ValueTest {
  if (typeof argument === 'object' && argument !== null && !Array.isArray(argument)) {
    const [nested = ''] = Object.keys(argument)
    throw busOnly('An operator inside of anything-but', keyPath(path, nested), argument)
  }
  const values = Array.isArray(argument) ? elementsOf(argument, path) : [argument]
  const [first] = values
  for (const value of values) {
    if (typeof value !== 'string' && !isFiniteNumber(value)) throw invalidOption(path, argument, listed)
    if (typeof value !== typeof first) throw invalidOption(path, argument, listed, 'a mixed array')
  }
  if (values.length === 0) throw invalidOption(path, argument, listed, 'empty')
  const refused = new Set(values)
  return (value) => !refused.has(value)
}

const listed = 'a string, a number, or an array of either strings or numbers'

/**
 * Both limits of EventBridge. A time in milliseconds exceeds them, which usually is a mistake:
 * `ApproximateCreationDateTime` is in seconds.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
const MAX_NUMBER = 5e9

const comparisons: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  '=': (value, limit) => value === limit,
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
  '>': (value, limit) => value > limit,
  '>=': (value, limit) => value >= limit,
}

/** Parses `["=", 5]`, `[">", 0]` or `[">=", 0, "<", 10]`. Numbers are compared as IEEE 754 doubles. */
function numeric(argument: unknown, path: string): ValueTest {
  const terms = Array.isArray(argument) ? elementsOf(argument, path) : []
  if (terms.length !== 2 && terms.length !== 4) throw invalidOption(path, argument, numericForm)
  const [, low, , high] = terms
  const isFirst = comparison(terms, 0, path)
  if (terms.length === 2) return (value) => typeof value === 'number' && isFirst(value)
  const isSecond = comparison(terms, 2, path)
  const isRange = String(terms[0]).startsWith('>') && String(terms[2]).startsWith('<')
  if (!isRange || Number(low) >= Number(high)) {
    throw invalidOption(path, argument, 'a range from a lower to a higher number, such as [">", 0, "<=", 5]')
  }
  return (value) => typeof value === 'number' && isFirst(value) && isSecond(value)
}

const numericForm = 'an array such as ["=", 5], [">", 0] or [">", 0, "<=", 5]'

function comparison(terms: readonly unknown[], index: number, path: string): (value: number) => boolean {
  const [name, limit] = terms.slice(index, index + 2)
  const compare = typeof name === 'string' && Object.hasOwn(comparisons, name) ? comparisons[name] : undefined
  if (compare === undefined) throw invalidOption(`${path}[${index}]`, name, '=, <, <=, > or >=')
  if (!isFiniteNumber(limit) || Math.abs(limit) > MAX_NUMBER) {
    throw invalidOption(`${path}[${index + 1}]`, limit, `a number from ${-MAX_NUMBER} to ${MAX_NUMBER}`)
  }
  return (value) => compare(value, limit)
}

export function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** The values that JSON and a record have at a leaf, compared exactly and with their types. */
export function exactly(value: unknown, path: string): unknown {
  const isLeaf = typeof value === 'string' || typeof value === 'boolean' || value === null
  if (isLeaf || isFiniteNumber(value)) return value
  const expected = 'a string, a number, true, false, null, or an object with an operator'
  throw invalidOption(path, value, expected, formatValue(value))
}
