import { invalidOption } from '../core/options.ts'
import { exactly, operatorNames, parseOperator, type ValueTest } from './operators.ts'
import { invalidPattern, keyPath, unknownMember } from './pattern-error.ts'
import { elementsOf, MAX_DEPTH, MAX_PATTERN_LENGTH, tooLong } from './pattern-limits.ts'

/** A field of a pattern: one array of accepted values. */
export interface Field {
  /** The path of the field in the event. Keys with dots are split, as by EventBridge. */
  readonly segments: readonly string[]
  /** Whether the field is in an image of the record, which takes time to parse. */
  readonly readsImage: boolean
  /** The path of the field in the options, for errors. */
  readonly option: string
  /** Whether a value at the path matches. */
  readonly test: ValueTest
  /** Whether the field also matches if it is absent: `{ "exists": false }`. */
  readonly matchesAbsence: boolean
}

/** A pattern, or an object of a `$or`. It matches if all fields and, for each `$or`, one object match. */
export interface Pattern {
  readonly fields: readonly Field[]
  readonly alternatives: readonly (readonly Pattern[])[]
}

/**
 * Parses one pattern, and checks it as Lambda does when a mapping is created, and more: a key that no record
 * has is refused, because the pattern would never match.
 *
 * @throws StreamError `options.invalid`, with the path of the invalid part in `details.option`.
 */
export function parsePattern(pattern: object, path: string): Pattern {
  const parsed = parseObject(pattern, {
    path,
    segments: [],
    known: eventNames,
    isInOr: false,
    depth: 0,
    budget: { nodes: MAX_PATTERN_LENGTH, path },
  })
  if (JSON.stringify(pattern).length > MAX_PATTERN_LENGTH) throw tooLong(path, pattern)
  return parsed
}

/** Where the parser is. */
interface Position {
  readonly path: string
  readonly segments: readonly string[]
  /** The names that members of the event have here; undefined if they are those of attributes. */
  readonly known: Names | undefined
  readonly isInOr: boolean
  readonly depth: number
  /** How many nodes the pattern may have. An object that occurs in many places can be small but endless. */
  readonly budget: { nodes: number; readonly path: string }
}

interface Names {
  readonly [name: string]: Names | undefined
}

/** The members of a record that have fixed names. */
const eventNames: Names = {
  eventID: undefined,
  eventName: undefined,
  eventVersion: undefined,
  eventSource: undefined,
  eventSourceARN: undefined,
  awsRegion: undefined,
  userIdentity: { type: undefined, principalId: undefined },
  dynamodb: {
    ApproximateCreationDateTime: undefined,
    Keys: undefined,
    NewImage: undefined,
    OldImage: undefined,
    SequenceNumber: undefined,
    SizeBytes: undefined,
    StreamViewType: undefined,
  },
}

function parseObject(object: object, position: Position): Pattern {
  const fields: Field[] = []
  const alternatives: (readonly Pattern[])[] = []
  const members = Object.entries(object).filter(([, value]) => value !== undefined)
  if (members.length === 0) {
    throw invalidOption(position.path, object, 'an object with at least one field', 'an empty object')
  }
  for (const [key, value] of members) {
    spend(position, 1, object)
    const path = keyPath(position.path, key)
    if (key === '$or' && Array.isArray(value)) {
      const patterns = elementsOf(value, path)
      if (patterns.some(isAlternative)) {
        alternatives.push(parseAlternatives(patterns, { ...position, path }))
        continue
      }
    }
    if (position.isInOr && reserved.has(key)) throw reservedName(path, key, value)
    const inner = enter(position, key, path, value)
    if (Array.isArray(value)) fields.push(parseField(value, inner))
    else if (typeof value === 'object' && value !== null) {
      const nested = parseObject(value, inner)
      fields.push(...nested.fields)
      alternatives.push(...nested.alternatives)
    } else throw invalidOption(path, value, 'an array of values, such as ["INSERT"], or an object of fields')
  }
  return { fields, alternatives }
}

/** Steps into a member, whose key may contain several segments. Refuses names that no record has. */
function enter(position: Position, key: string, path: string, value: unknown): Position {
  const names = key.split('.')
  let known = position.known
  for (const name of names) {
    if (known === undefined) break
    if (!Object.hasOwn(known, name)) {
      throw unknownMember('member of a record', path, name, Object.keys(known), value)
    }
    known = known[name]
  }
  return { ...deeper(position, names.length, path, value), segments: [...position.segments, ...names], known }
}

function deeper(position: Position, levels: number, path: string, value: unknown): Position {
  const depth = position.depth + levels
  if (depth > MAX_DEPTH) throw invalidOption(path, value, `nested at most ${MAX_DEPTH} levels deep`)
  return { ...position, path, depth }
}

function parseField(values: readonly unknown[], position: Position): Field {
  const { path, segments } = position
  if (values.length === 0) {
    throw invalidOption(path, values, 'an array with at least one value', 'an empty array')
  }
  const elements = elementsOf(values, path)
  spend(position, elements.length, values)
  const exact = new Set<unknown>()
  const tests: ValueTest[] = []
  let matchesAbsence = false
  for (const [index, value] of elements.entries()) {
    const valuePath = `${path}[${index}]`
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      exact.add(exactly(value, valuePath))
      continue
    }
    const operator = parseOperator(value, valuePath)
    if (operator.kind === 'absent') matchesAbsence = true
    else tests.push(operator.test)
  }
  const test: ValueTest =
    tests.length === 0
      ? (value) => exact.has(value)
      : (value) => exact.has(value) || tests.some((matches) => matches(value))
  return {
    segments,
    readsImage: isInImage(segments),
    option: path,
    test,
    matchesAbsence,
  }
}

function isInImage([member, image]: readonly string[]): boolean {
  return member === 'dynamodb' && (image === 'NewImage' || image === 'OldImage')
}

/**
 * Whether an element of `$or` is a pattern. A record can have a field named `$or` too, so an object, and
 * an array of values or operators, are a field, as they are for EventBridge.
 */
function isAlternative(element: unknown): boolean {
  return isObject(element) && Object.keys(element).some((key) => !reserved.has(key))
}

function parseAlternatives(members: readonly unknown[], position: Position): Pattern[] {
  const { path } = position
  if (members.length < 2) throw invalidOption(path, members, 'an array of at least two objects', 'too short')
  return members.map((member, index) => {
    const memberPath = `${path}[${index}]`
    if (!isObject(member)) throw invalidOption(memberPath, member, 'an object of fields')
    return parseObject(member, { ...deeper(position, 1, memberPath, member), isInOr: true })
  })
}

/** Names that EventBridge does not accept as keys inside of `$or`, some of them for later use. */
const reserved: ReadonlySet<string> = new Set([
  ...operatorNames,
  'exactly',
  'wildcard',
  'cidr',
  ...['=', '<', '<=', '>', '>='],
  ...['regex', 'not-wildcard', 'not-equals-ignore-case'],
  ...['date-after', 'date-on-or-after', 'date-before', 'date-on-or-before', 'in-date-range'],
  ...['ip-address-in-range', 'ip-address-not-in-range'],
])

function reservedName(path: string, key: string, value: unknown) {
  return invalidPattern(
    path,
    value,
    'a field whose name is not reserved',
    `Lambda does not accept the field ${path}: inside of $or, the name ${key} is reserved. ` +
      'Use several filters instead of $or.',
  )
}

function spend({ budget }: Position, nodes: number, value: unknown): void {
  budget.nodes -= nodes
  if (budget.nodes < 0) throw tooLong(budget.path, value)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
