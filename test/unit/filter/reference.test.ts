import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { compileFilters } from '../../../src/filter/compile-filter.ts'
import { inserted, newImage } from './lambda-event.ts'
import { referenceMatches } from './reference.ts'

// Few keys and values, so that patterns and records often meet. `a-` sorts between `a` and `a.b`.
const key = fc.constantFrom('a', 'b', 'c', 'a.b', 'b.c', 'a-')
const leaf = fc.constantFrom('x', 'y', 1, true, null)

const { value } = fc.letrec<{ value: unknown; object: object }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  object: fc.dictionary(key, tie('value'), { maxKeys: 3 }),
}))
const image = fc.dictionary(key, value, { minKeys: 1, maxKeys: 4 })

const rule = fc.oneof(leaf, fc.constantFrom({ exists: true }, { exists: false }))
const { pattern } = fc.letrec<{ pattern: object; member: unknown; or: unknown }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 3 },
    fc.dictionary(key, fc.array(rule, { minLength: 1, maxLength: 2 }), { minKeys: 1, maxKeys: 3 }),
    fc.dictionary(key, tie('member'), { minKeys: 1, maxKeys: 3 }),
    fc
      .tuple(fc.dictionary(key, tie('member'), { maxKeys: 2 }), tie('or'))
      .map(([members, $or]) => ({ ...members, $or })),
  ),
  member: fc.oneof({ maxDepth: 3 }, fc.array(rule, { minLength: 1, maxLength: 2 }), tie('pattern')),
  or: fc.array(tie('pattern'), { minLength: 2, maxLength: 2 }),
}))

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
    { numRuns: 5000 },
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
