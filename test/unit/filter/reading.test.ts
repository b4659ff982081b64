import { expect, it } from 'vitest'
import { compileFilters } from '../../../src/filter/compile-filter.ts'
import { inserted, newImage } from './lambda-event.ts'

function readsImages(filters: unknown): boolean {
  return compileFilters(filters, 'filters').readsImages
}

it('a filter reads images only if a pattern mentions one', () => {
  const insert = { eventName: ['INSERT'] }
  const image = newImage({ id: { S: ['1'] } })
  expect(readsImages(insert)).toBe(false)
  expect(readsImages({ dynamodb: { Keys: { id: { S: ['1'] } }, SizeBytes: [1] } })).toBe(false)
  expect(readsImages({ dynamodb: ['x'] })).toBe(false)
  expect(readsImages(image)).toBe(true)
  expect(readsImages({ dynamodb: { OldImage: [{ exists: false }] } })).toBe(true)
  expect(readsImages({ 'dynamodb.NewImage.id.S': ['1'] })).toBe(true)
  expect(readsImages([insert, image])).toBe(true)
  expect(readsImages({ $or: [insert, image] })).toBe(true)
  expect(readsImages({ dynamodb: { $or: [{ SizeBytes: [1] }, { NewImage: { id: { S: ['1'] } } }] } })).toBe(
    true,
  )
})

it('a filter that does not read images does not access them', () => {
  const dynamodb = { Keys: { id: { S: '1' } } }
  for (const name of ['NewImage', 'OldImage']) {
    Object.defineProperty(dynamodb, name, {
      enumerable: true,
      get: () => {
        throw new Error(`${name} is accessed`)
      },
    })
  }
  const event = { eventName: 'INSERT', dynamodb }
  const filter = compileFilters(
    { eventName: ['INSERT'], dynamodb: { Keys: { id: { S: ['1'] } } } },
    'filters',
  )
  expect(filter.matches(event)).toBe(true)
  const withImage = compileFilters({ eventName: ['INSERT'], ...newImage({ id: { S: ['1'] } }) }, 'filters')
  expect(() => withImage.matches(event)).toThrow('NewImage is accessed')
})

it('images are accessed last, so that other fields can make it unnecessary', () => {
  const accessed: string[] = []
  const dynamodb = {
    get NewImage() {
      accessed.push('NewImage')
      return { id: { S: '1' } }
    },
    Keys: { id: { S: '1' } },
  }
  const filter = compileFilters({ eventName: ['INSERT'], ...newImage({ id: { S: ['1'] } }) }, 'filters')
  expect(filter.matches({ eventName: 'REMOVE', dynamodb })).toBe(false)
  expect(accessed).toEqual([])
  expect(filter.matches({ eventName: 'INSERT', dynamodb })).toBe(true)
  expect(accessed).toEqual(['NewImage'])
})

it('a filter can be used again after a record that could not be read', () => {
  const filter = compileFilters(newImage({ d: { a: ['1'], b: ['2'] } }), 'filters')
  const failing = inserted({
    d: [
      { a: '1' },
      {
        a: '1',
        get b(): never {
          throw new Error('damaged')
        },
      },
    ],
  })
  expect(() => filter.matches(failing)).toThrow('damaged')
  expect(filter.matches(inserted({ d: [{ a: '1' }, { a: '1', b: '2' }] }))).toBe(true)
  expect(filter.matches(inserted({ d: [{ a: '1' }, { b: '2' }] }))).toBe(false)
})

it('records are not changed', () => {
  const freeze = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    Object.freeze(value)
    for (const member of Object.values(value)) freeze(member)
  }
  const event = inserted({ d: [{ a: '1' }, { b: '2' }], tags: { SS: ['x'] } })
  freeze(event)
  const filter = compileFilters(newImage({ d: { a: ['1'], b: ['2'] }, tags: { SS: ['x'] } }), 'filters')
  expect(filter.matches(event)).toBe(false)
})

it('a record without the members that a pattern mentions does not match, and is not an error', () => {
  const filter = compileFilters(newImage({ a: { S: ['x'] } }), 'filters')
  for (const event of [
    {},
    { dynamodb: null },
    { dynamodb: 'x' },
    { dynamodb: [] },
    { dynamodb: { NewImage: null } },
    [],
  ]) {
    expect(filter.matches(event)).toBe(false)
  }
})

/** Visits of array elements by a search, counted by a proxy on the array. */
function countingList(elements: readonly unknown[], count: { reads: number }): unknown[] {
  return new Proxy([...elements], {
    get(target, key, receiver) {
      if (typeof key === 'string' && /^\d+$/.test(key)) count.reads++
      return Reflect.get(target, key, receiver)
    },
  })
}

it('lists that are independent of each other are searched once each, not in all combinations', () => {
  const count = { reads: 0 }
  const names = ['l0', 'l1', 'l2', 'l3', 'l4', 'l5']
  const rule = newImage({
    ...Object.fromEntries(names.map((name) => [name, { a: ['x'], b: ['x'] }])),
    z: ['none'],
  })
  const lists = names.map((name) => [
    name,
    countingList(
      Array.from({ length: 50 }, () => ({ a: 'x', b: 'x' })),
      count,
    ),
  ])
  expect(compileFilters(rule, 'filters').matches(inserted({ ...Object.fromEntries(lists), z: 'y' }))).toBe(
    false,
  )
  // Each list is searched for `a`, and each of its elements for `b`.
  expect(count.reads).toBeLessThanOrEqual(names.length * 50 * 2)
})

it('fields of one long list are searched in time proportional to its length', () => {
  const count = { reads: 0 }
  const elements = Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? { a: 'x' } : { b: 'x' }))
  const filter = compileFilters(newImage({ d: { a: ['x'], b: ['x'], c: ['x'] } }), 'filters')
  expect(filter.matches(inserted({ d: countingList(elements, count) }))).toBe(false)
  expect(count.reads).toBeLessThanOrEqual(2000)
})

it('a record that would take millions of steps matches, because it must not be lost', () => {
  const keys = ['b', 'c', 'd']
  const rule = newImage({ p: { q: { r: Object.fromEntries(keys.map((name) => [name, ['x']])) } } })
  const list = (without: string) =>
    Array.from({ length: 3000 }, () =>
      Object.fromEntries(keys.filter((name) => name !== without).map((name) => [name, 'x'])),
    )
  // Three lists under the same path: each pair of their elements is another state.
  const lists = (length: number) => ({
    'p.q': { r: list('b').slice(0, length) },
    'p.q.r': [{ b: 'x' }],
    p: { 'q.r': list('c').slice(0, length), q: { r: list('d').slice(0, length) } },
  })
  const filter = compileFilters(rule, 'filters')
  expect(filter.matches(inserted(lists(2)))).toBe(true)
  const unmatched = newImage({ p: { q: { r: { b: ['x'], c: ['x'], d: ['x'], e: ['x'] } } } })
  expect(compileFilters(unmatched, 'filters').matches(inserted(lists(2)))).toBe(false)
  expect(compileFilters(unmatched, 'filters').matches(inserted(lists(3000)))).toBe(true)
})
