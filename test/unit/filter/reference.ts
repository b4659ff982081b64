/**
 * A matcher as simple as possible, for comparison: it lists the leaves of the event with the elements that
 * they belong to, and tries all choices of one leaf per field.
 *
 * It knows values, `exists` and `$or`.
 */
export function referenceMatches(pattern: object, event: object): boolean {
  const leaves: Leaf[] = []
  listLeaves(event, '', new Map(), leaves)
  return combinations(pattern, '').some((fields) => choose(sorted(fields), new Map(), leaves))
}

type Rule = string | number | boolean | null | { readonly exists: boolean }
type Membership = ReadonlyMap<object, number>

interface Leaf {
  readonly path: string
  readonly value: unknown
  readonly membership: Membership
}

interface ReferenceField {
  readonly path: string
  readonly rules: readonly Rule[]
}

function listLeaves(value: unknown, path: string, membership: Membership, leaves: Leaf[]): void {
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      const isNested = typeof element === 'object' && element !== null
      const inner = isNested ? new Map([...membership, [value, index] as const]) : membership
      listLeaves(element, path, inner, leaves)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      listLeaves(member, join(path, key), membership, leaves)
    }
  } else leaves.push({ path, value, membership })
}

function combinations(pattern: object, path: string): ReferenceField[][] {
  let result: ReferenceField[][] = [[]]
  for (const [key, value] of Object.entries(pattern)) {
    const choices =
      key === '$or'
        ? (value as object[]).flatMap((member) => combinations(member, path))
        : Array.isArray(value)
          ? [[{ path: join(path, key), rules: value as Rule[] }]]
          : combinations(value as object, join(path, key))
    result = result.flatMap((one) => choices.map((other) => [...one, ...other]))
  }
  return result
}

function sorted(fields: readonly ReferenceField[]): ReferenceField[] {
  return fields.toSorted((one, other) => (one.path < other.path ? -1 : 1))
}

function choose(
  [field, ...others]: readonly ReferenceField[],
  selected: Membership,
  leaves: readonly Leaf[],
): boolean {
  if (field === undefined) return true
  const candidates = leaves.filter(
    ({ path, membership }) =>
      path === field.path &&
      [...membership].every(([array, index]) => (selected.get(array) ?? index) === index),
  )
  const matchesAbsence = field.rules.some((rule) => isExists(rule) && !rule.exists)
  if (matchesAbsence && candidates.length === 0 && choose(others, selected, leaves)) return true
  return candidates
    .filter(({ value }) => field.rules.some((rule) => (isExists(rule) ? rule.exists : rule === value)))
    .some(({ membership }) => choose(others, new Map([...selected, ...membership]), leaves))
}

function isExists(rule: Rule): rule is { readonly exists: boolean } {
  return typeof rule === 'object' && rule !== null
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
