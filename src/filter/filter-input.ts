import { invalidOption } from '../core/options.ts'
import { parseJson } from './parse-json.ts'
import { invalidPattern, notAPattern, unknownMember } from './pattern-error.ts'
import { MAX_PATTERN_LENGTH } from './pattern-limits.ts'

/** A pattern that is not parsed yet, and its path in the options. */
export interface UnparsedPattern {
  readonly pattern: object
  readonly path: string
}

/**
 * The maximum number of patterns: the highest quota of Lambda, which is 5 by default.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
 */
export const MAX_FILTERS = 10

/** More than the `FilterCriteria` of Lambda can have: its patterns, in which each quote is escaped. */
const MAX_JSON_LENGTH = 10 * MAX_FILTERS * MAX_PATTERN_LENGTH

/**
 * Returns the patterns of the option `filters`, in any form that a mapping of Lambda has in the API, in
 * templates and in the console: an object, JSON, an array of these, or a `FilterCriteria`.
 *
 * @throws StreamError `options.invalid`
 */
export function listPatterns(filters: unknown, path: string): UnparsedPattern[] {
  const value = typeof filters === 'string' ? parseText(filters, path, MAX_JSON_LENGTH) : filters
  if (Array.isArray(value)) return listElements(value, path)
  if (typeof value !== 'object' || value === null) throw notAPattern(path, filters)
  if (!Object.hasOwn(value, 'Filters')) return [{ pattern: value, path }]
  checkMembers(value, 'Filters', path)
  const elements: unknown = Reflect.get(value, 'Filters')
  const elementsPath = `${path}.Filters`
  if (!Array.isArray(elements)) throw invalidOption(elementsPath, elements, 'an array of { Pattern } objects')
  return listElements(elements, elementsPath)
}

function listElements(elements: readonly unknown[], path: string): UnparsedPattern[] {
  if (elements.length > MAX_FILTERS) {
    throw invalidOption(path, elements, `at most ${MAX_FILTERS} patterns`, `${elements.length} patterns long`)
  }
  return Array.from(elements, (element, index) => toPattern(element, `${path}[${index}]`))
}

/** Accepts a pattern, its JSON, or an object that has one of them as `Pattern`. */
function toPattern(element: unknown, path: string): UnparsedPattern {
  if (!isObject(element) || !Object.hasOwn(element, 'Pattern')) return readPattern(element, path)
  checkMembers(element, 'Pattern', path)
  return readPattern(Reflect.get(element, 'Pattern'), `${path}.Pattern`)
}

function readPattern(value: unknown, path: string): UnparsedPattern {
  const pattern = typeof value === 'string' ? parseText(value, path, MAX_PATTERN_LENGTH) : value
  if (!isObject(pattern)) throw notAPattern(path, value)
  return { pattern, path }
}

function parseText(json: string, path: string, maxLength: number): unknown {
  if (json.length > maxLength) {
    throw invalidPattern(
      path,
      json,
      `at most ${maxLength} characters`,
      `Option ${path} is too long: it has ${json.length} characters, but at most ${maxLength} are permitted.`,
    )
  }
  return parseJson(json, path)
}

function checkMembers(object: object, only: string, path: string): void {
  for (const [name, value] of Object.entries(object)) {
    if (name === only || value === undefined) continue
    throw unknownMember('option', `${path}.${name}`, name, [only], value)
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
