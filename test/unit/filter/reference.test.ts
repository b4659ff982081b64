import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { compileFilters } from '../../../src/filter/compile-filter.ts'
import { inserted, newImage } from './lambda-event.ts'
import { referenceMatches } from './reference.ts'

// Few keys and values, so that patterns and records often meet. `a-` sorts between `a` and `a.b`.
const key = fc.constantFrom('a', 'b', 'c')
const anyKey = fc.constantFrom('a', 'b', 'c', 'd.a', 'a.b', 'a-')
const leaf = fc.constantFrom('x', 'x', 'y')

const value = (depth: number): fc.Arbitrary<unknown> => {
  if (depth === 0) return leaf
  const object = fc.dictionary(key, value(depth - 1), { minKeys: 1, maxKeys: 3 })
  return fc.oneof(
    leaf,
    object,
    { weight: 3, arbitrary: fc.array(object, { maxLength: 3 }) },
    fc.array(fc.oneof(leaf, object, fc.array(leaf, { maxLength: 2 })), { maxLength: 3 }),
  )
}
const image = fc
  .tuple(fc.dictionary(anyKey, value(2), { maxKeys: 3 }), value(3))
  .map(([members, d]) => ({ ...members, d }))

const rules = fc.array(fc.constantFrom('x', 'x', 'y', { exists: true }, { exists: false }), {
  minLength: 1,
  maxLength: 2,
})
const fields = (depth: number, keys: fc.Arbitrary<string>): fc.Arbitrary<object> => {
  if (depth === 0) return fc.dictionary(keys, rules, { minKeys: 1, maxKeys: 3 })
  const inner = fields(depth - 1, keys)
  const members = fc.dictionary(keys, fc.oneof({ weight: 3, arbitrary: rules }, inner), {
    minKeys: 1,
    maxKeys: 3,
  })
  const withOr = fc.tuple(members, fc.array(inner, { minLength: 2, maxLength: 2 }))
  return fc.oneof(
    { weight: 4, arbitrary: members },
    withOr.map(([others, $or]) => ({ ...others, $or })),
  )
}
const pattern = fc.oneof(
  fields(2, anyKey),
  fields(1, key).map((d) => ({ d })),
  fc.tuple(fields(1, key), rules).map(([d, a]) => ({ d, a })),
  // A field that is also the start of others needs keys with dots.
  fc.tuple(rules, rules, rules).map(([d, a, b]) => ({ d, 'd.a': a, 'd.b': b })),
)

/** Undefined if the pattern is refused: a field occurs twice in it. */
function compile(filters: object) {
  try {
    return compileFilters(filters, 'filters')
  } catch (error) {
    if (isStreamError(error, 'options.invalid') && error.message.includes('is the same as')) return undefined
    throw error
  }
}

it('random patterns match random records exactly if a simple matcher says so', () => {
  let matched = 0
  let compared = 0
  fc.assert(
    fc.property(pattern, image, (randomPattern, randomImage) => {
      const filter = compile(newImage(randomPattern))
      if (filter === undefined) return
      const event = inserted(randomImage)
      const expected = referenceMatches(newImage(randomPattern), event)
      expect(filter.matches(event)).toBe(expected)
      compared++
      if (expected) matched++
    }),
    { numRuns: 4000 },
  )
  // The comparison means something: many patterns are compared, and many of them match.
  expect(compared).toBeGreaterThan(2000)
  expect(matched).toBeGreaterThan(compared / 20)
  expect(matched).toBeLessThan(compared * 0.95)
})

it('JSON, an array and a FilterCriteria mean the same as the pattern itself', () => {
  fc.assert(
    fc.property(pattern, image, (randomPattern, randomImage) => {
      const filters = newImage(randomPattern)
      const expected = compile(filters)?.matches(inserted(randomImage))
      const json = JSON.stringify(filters)
      const forms = [
        json,
        [filters],
        [json],
        { Filters: [{ Pattern: json }] },
        { Filters: [{ Pattern: filters }] },
      ]
      for (const form of forms) expect(compile(form as object)?.matches(inserted(randomImage))).toBe(expected)
    }),
    { numRuns: 300 },
  )
})

it('several patterns match whatever one of them matches', () => {
  fc.assert(
    fc.property(pattern, pattern, image, (one, other, randomImage) => {
      const both = compile([newImage(one), newImage(other)])
      if (both === undefined) return
      const event = inserted(randomImage)
      const expected = [one, other].some((each) => compile(newImage(each))?.matches(event))
      expect(both.matches(event)).toBe(expected)
    }),
    { numRuns: 500 },
  )
})
