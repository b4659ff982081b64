import { describe, expect, it } from 'vitest'
import { isStreamError } from '../../../src/core/errors.ts'
import { compileFilters } from '../../../src/filter/compile-filter.ts'
import { lambdaEvent, newImage } from './lambda-event.ts'

/** The error with which the filters are refused. */
function refusal(filters: unknown) {
  try {
    compileFilters(filters, 'filters')
  } catch (error) {
    if (isStreamError(error, 'options.invalid')) return error
    throw error
  }
  throw new Error(`The filters are accepted: ${JSON.stringify(filters)}`)
}

/** The paths of the parts for which the filters are refused. */
function refusedPaths(filters: readonly unknown[]): string[] {
  return filters.map((each) => refusal(each).details.option)
}

/** Patterns with one rule for one attribute. */
function ruled(...rules: readonly unknown[]): object[] {
  return rules.map((rule) => newImage({ status: { S: rule } }))
}

const status = 'filters.dynamodb.NewImage.status.S'

describe('filters in a form that is not a pattern are refused', () => {
  it('a function is refused with a reference to the option filter', () => {
    expect(refusal(() => true).message).toBe(
      'Option filters is a function, but must be a filter pattern: an object, or an object as JSON; ' +
        'functions belong to the option filter.',
    )
    expect(refusal(1).message).toMatch(/an object as JSON\.$/)
  })

  it('values that are not objects, JSON or arrays of them are refused by their path', () => {
    for (const value of [undefined, null, 1, true, () => true, Symbol('x'), 1n]) {
      expect(refusal(value).details.option).toBe('filters')
    }
    expect(refusedPaths([[1], [{ eventName: ['INSERT'] }, null], [[{ eventName: ['INSERT'] }]]])).toEqual([
      'filters[0]',
      'filters[1]',
      'filters[0]',
    ])
  })

  it('text that is not JSON, or JSON that is not an object, is refused by its path', () => {
    // The first two are cases that AWS refuses in the validated tests of LocalStack.
    const texts = [
      'single-string',
      '[{"eventName": ["INSERT"=123}]',
      '',
      '"INSERT"',
      '1',
      'null',
      '{"eventName":["INSERT"],}',
    ]
    for (const text of texts) {
      expect(refusal(text).details).toMatchObject({ option: 'filters' })
      expect(refusal([text]).details).toMatchObject({ option: 'filters[0]' })
      expect(refusal({ Filters: [{ Pattern: text }] }).details.option).toBe('filters.Filters[0].Pattern')
    }
  })

  it('a FilterCriteria with other members, or without patterns, is refused', () => {
    const pattern = '{"eventName":["INSERT"]}'
    expect(
      refusedPaths([
        { Filters: pattern },
        { Filters: {} },
        { Filters: [{}] },
        { Filters: [{ Pattern: null }] },
        { Filters: [{ Pattern: pattern, Name: 'x' }] },
        { Filters: [{ Pattern: pattern }], Version: 1 },
        { Filters: [{ pattern }] },
      ]),
    ).toEqual([
      'filters.Filters',
      'filters.Filters',
      'filters.Filters[0]',
      'filters.Filters[0].Pattern',
      'filters.Filters[0].Name',
      'filters.Version',
      'filters.Filters[0].pattern',
    ])
  })

  it('empty patterns are refused, as by Lambda', () => {
    expect(refusedPaths([{}, '{}', [{}], newImage({}), newImage({ status: { S: [] } })])).toEqual([
      'filters',
      'filters',
      'filters[0]',
      'filters.dynamodb.NewImage',
      status,
    ])
    expect(refusal({ eventName: undefined }).details.option).toBe('filters')
  })

  it('an empty list of patterns is not refused, and every record matches, as in Lambda', () => {
    for (const filters of [[], '[]', { Filters: [] }, '{"Filters":[]}']) {
      const filter = compileFilters(filters, 'filters')
      expect(filter.matches(lambdaEvent())).toBe(true)
      expect(filter.readsImages).toBe(false)
    }
  })
})

describe('invalid parts of a pattern are refused by their path', () => {
  it('values outside of an array are refused', () => {
    for (const value of ['paid', 1, true, null, () => true]) {
      expect(refusedPaths(ruled(value))).toEqual([status])
    }
    expect(refusal({ eventName: 'INSERT' }).message).toBe(
      'Option filters.eventName is "INSERT", but must be an array of values, such as ["INSERT"], or an object of fields.',
    )
  })

  it('values that JSON cannot represent, and nested arrays, are refused', () => {
    for (const value of [
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1n,
      Symbol('x'),
      () => true,
      ['x'],
    ]) {
      expect(refusedPaths(ruled([value], ['x', value]))).toEqual([`${status}[0]`, `${status}[1]`])
    }
    const sparse = ['x']
    sparse[2] = 'y'
    expect(refusedPaths(ruled(sparse))).toEqual([`${status}[1]`])
  })

  it('match expressions without exactly one operator are refused', () => {
    expect(refusedPaths(ruled([{}], ['x', { prefix: 'a', suffix: 'b' }], [{ prefix: undefined }]))).toEqual([
      `${status}[0]`,
      `${status}[1]`,
      `${status}[0]`,
    ])
  })

  it('unknown operators are refused, with the one that was probably meant', () => {
    const error = refusal(newImage({ status: { S: ['x', { Prefix: 'a' }] } }))
    expect(error.details).toMatchObject({ option: `${status}[1].Prefix`, expected: 'prefix' })
    expect(error.message).toBe(`There is no operator ${status}[1].Prefix; did you mean prefix?`)
    for (const name of ['EXISTS', 'NUMERIC', 'exactly', 'regex', 'constructor', '__proto__', 'toString']) {
      const [rule] = [JSON.parse(`[{"${name}":true}]`)]
      expect(refusedPaths(ruled(rule))).toEqual([`${status}[0].${name}`])
    }
  })

  it('operators with an argument of the wrong type are refused', () => {
    const wrong: readonly (readonly [string, readonly unknown[]])[] = [
      ['prefix', [3, null, ['a'], true, {}]],
      ['suffix', [3, null, ['a'], true, {}]],
      ['equals-ignore-case', [5, ['abc'], null, {}]],
      ['exists', ['true', 1, null, [true]]],
      [
        'anything-but',
        [null, true, [], [null], ['a', 1], [1, 'a'], [true], [['a']], Number.NaN, [Number.NaN]],
      ],
      ['numeric', [5, '=5', [], ['='], ['=', 5, '<'], { '=': 5 }, ['>', 0, '<', 5, '=', 3]]],
    ]
    for (const [operator, values] of wrong) {
      for (const value of values) {
        expect(refusedPaths(ruled([{ [operator]: value }]))).toEqual([`${status}[0].${operator}`])
      }
    }
  })

  it('numeric is refused for unknown comparisons, for limits that are not numbers, and for empty ranges', () => {
    const numeric = `${status}[0].numeric`
    const cases: readonly (readonly [unknown, string])[] = [
      [['==', 1], `${numeric}[0]`],
      [['<>', 1, '>', 0], `${numeric}[0]`],
      [[1, '>'], `${numeric}[0]`],
      [['constructor', 1], `${numeric}[0]`],
      [['=', '5'], `${numeric}[1]`],
      [['=', true], `${numeric}[1]`],
      [['=', Number.NaN], `${numeric}[1]`],
      [['<', 2e22], `${numeric}[1]`],
      [['>', -5_000_000_001], `${numeric}[1]`],
      [['>', 0, '<', '5'], `${numeric}[3]`],
      [['>', 0, '!', 5], `${numeric}[2]`],
      [['>', 0, '>', 0], numeric],
      [['<', 1, '>', 0], numeric],
      [['=', 1, '<', 2], numeric],
      [['>', 1, '<', 1], numeric],
      [['>=', 1, '<=', 1], numeric],
      [['>', 30, '<', 1], numeric],
    ]
    for (const [argument, option] of cases) {
      expect(refusedPaths(ruled([{ numeric: argument }]))).toEqual([option])
    }
  })

  it('numeric is accepted in all of its forms', () => {
    const accepted = [
      ['=', 3.8],
      ['<', -4e-8],
      ['<=', 5e9],
      ['>=', -5e9],
      ['>', 0, '<', 1],
      ['>=', 0, '<=', 1],
    ]
    for (const argument of accepted) {
      expect(() => compileFilters(ruled([{ numeric: argument }]), 'filters')).not.toThrow()
    }
  })

  it('a time in milliseconds is refused, because the creation time is in seconds', () => {
    const pattern = { dynamodb: { ApproximateCreationDateTime: [{ numeric: ['>', 1_678_831_218_000] }] } }
    const error = refusal([pattern])
    expect(error.details.option).toBe('filters[0].dynamodb.ApproximateCreationDateTime[0].numeric[1]')
    expect(error.message).toContain('a number from -5000000000 to 5000000000')
  })

  it('names that no record has are refused, because Lambda would silently match nothing', () => {
    expect(
      refusedPaths([
        { body: { eventName: ['INSERT'] } },
        { eventname: ['INSERT'] },
        { NewImage: { id: { S: ['1'] } } },
        { dynamodb: { newImage: { id: { S: ['1'] } } } },
        { 'dynamodb.newImage.id.S': ['1'] },
        { userIdentity: { Type: ['Service'] } },
        { $or: [{ eventName: ['INSERT'] }, { dynamodb: { Key: { id: { S: ['1'] } } } }] },
        JSON.parse('{"__proto__":{"eventName":["INSERT"]}}'),
      ]),
    ).toEqual([
      'filters.body',
      'filters.eventname',
      'filters.NewImage',
      'filters.dynamodb.newImage',
      'filters["dynamodb.newImage.id.S"]',
      'filters.userIdentity.Type',
      'filters.$or[1].dynamodb.Key',
      'filters.__proto__',
    ])
    expect(refusal({ eventname: ['INSERT'] }).message).toBe(
      'There is no member of a record filters.eventname; did you mean eventName?',
    )
  })

  it('keys with unusual characters are quoted in paths', () => {
    expect(refusedPaths([newImage({ 'my key': { S: 1 } }), newImage({ 'a"b': { 'c.d': 1 } })])).toEqual([
      'filters.dynamodb.NewImage["my key"].S',
      'filters.dynamodb.NewImage["a\\"b"]["c.d"]',
    ])
  })
})

describe('operators that only EventBridge buses have are refused by name', () => {
  const busOnly: readonly (readonly [string, unknown, string])[] = [
    ['wildcard', 'a*b', ''],
    ['cidr', '10.0.0.0/24', ''],
    ['anything-but', { prefix: 'a' }, '.prefix'],
    ['anything-but', { suffix: 'a' }, '.suffix'],
    ['anything-but', { wildcard: 'a*' }, '.wildcard'],
    ['anything-but', { 'equals-ignore-case': 'a' }, '.equals-ignore-case'],
    ['prefix', { 'equals-ignore-case': 'a' }, '.equals-ignore-case'],
    ['suffix', { 'equals-ignore-case': 'a' }, '.equals-ignore-case'],
  ]
  it.each(busOnly)(
    '%s with %j is refused, as it works on an EventBridge bus only',
    (name, argument, inner) => {
      const error = refusal(ruled([{ [name]: argument }])[0])
      expect(error.details.option).toBe(`${status}[0].${name}${inner}`)
      expect(error.message).toContain('works on an EventBridge bus, not in Lambda.')
    },
  )
})

describe('patterns of which Lambda would ignore a part are refused', () => {
  it('JSON with a duplicate key is refused, also in the example of the AWS documentation', () => {
    const documented =
      '{ "dynamodb" : { "NewImage" : { "AccountManager" : { "S" : [ "Pat Candella" ] } } } , ' +
      '"dynamodb" : { "OldImage" : { "AccountManager" : { "S" : [ "Terry Whitlock" ] } } } }'
    expect(refusal(documented).message).toBe(
      'The key filters.dynamodb occurs twice in its object. Lambda would use only the last one: merge them.',
    )
    expect(
      refusedPaths([
        [documented],
        { Filters: [{ Pattern: documented }] },
        '{"Filters":[],"Filters":[]}',
        '[{"eventName":["a"]},{"eventName":["a"],"eventName":["b"]}]',
        '{"eventName":["a"],"event\\u004eame":["b"]}',
        '{"dynamodb":{"Keys":{"id":{"S":[{"prefix":"a"},{"prefix":"a","prefix":"b"}]}}}}',
        '{"$or":[{"eventName":["a"]},{"eventName":["a"],"eventID":["]{,"],"eventID":["b"]}]}',
      ]),
    ).toEqual([
      'filters[0].dynamodb',
      'filters.Filters[0].Pattern.dynamodb',
      'filters.Filters',
      'filters[1].eventName',
      'filters.eventName',
      'filters.dynamodb.Keys.id.S[1].prefix',
      'filters.$or[1].eventID',
    ])
  })

  it('JSON whose keys occur once per object is accepted, whatever its strings contain', () => {
    const accepted = [
      '{"dynamodb":{"NewImage":{"a":{"S":["a"]},"b":{"S":["a"]}},"OldImage":{"a":{"S":["a","a"]}}}}',
      '{"eventName":["\\"eventName\\":","{\\"eventName\\":1}","[","\\\\"],"eventID":["eventName"]}',
      ' { "eventName" : [ "eventID" , "eventID" ] , "eventID" : [ { "prefix" : "eventName" } ] } ',
      '{"eventName":[1,-2.5e3,true,null]}',
    ]
    for (const json of accepted) expect(() => compileFilters(json, 'filters')).not.toThrow()
  })

  it('a field that occurs twice under different spellings is refused', () => {
    const twice = [
      newImage({ a: { b: ['1'] }, 'a.b': ['2'] }),
      { eventName: ['INSERT'], $or: [{ eventName: ['MODIFY'] }, { eventID: ['1'] }] },
      {
        $or: [{ eventName: ['a'] }, { eventID: ['1'] }],
        dynamodb: { $or: [{ SizeBytes: [1] }, { SizeBytes: [2] }] },
        eventID: ['2'],
      },
    ]
    expect(refusedPaths(twice)).toEqual([
      'filters.dynamodb.NewImage["a.b"]',
      'filters.$or[0].eventName',
      'filters.$or[1].eventID',
    ])
    expect(refusal(twice[0]).message).toContain('is the same as filters.dynamodb.NewImage.a.b.')
  })

  it('the same field in different objects of $or is accepted', () => {
    const pattern = { $or: [{ eventName: ['INSERT'] }, { eventName: ['MODIFY'], eventID: ['1'] }] }
    expect(() => compileFilters(pattern, 'filters')).not.toThrow()
  })
})

describe('$or is refused where EventBridge refuses it', () => {
  it('$or with one object, or with values beside objects, is refused', () => {
    expect(
      refusedPaths([
        { $or: [{ eventName: ['INSERT'] }] },
        { $or: [{ eventName: ['INSERT'] }, 'x'] },
        { $or: [{ eventName: ['INSERT'] }, {}] },
        { $or: [{ eventName: ['INSERT'] }, { eventID: [] }] },
        { $or: ['INSERT'] },
        { $or: { eventName: ['INSERT'] } },
      ]),
    ).toEqual([
      'filters.$or',
      'filters.$or[1]',
      'filters.$or[1]',
      'filters.$or[1].eventID',
      'filters.$or',
      'filters.$or',
    ])
  })

  it('names of operators are refused as names of fields inside of $or, at every level', () => {
    const inOr = (members: object) => ({ $or: [{ eventName: ['INSERT'] }, newImage(members)] })
    expect(
      refusedPaths([inOr({ prefix: { S: ['x'] } }), inOr({ a: { M: { exists: { S: ['x'] } } } })]),
    ).toEqual(['filters.$or[1].dynamodb.NewImage.prefix', 'filters.$or[1].dynamodb.NewImage.a.M.exists'])
    expect(() => compileFilters(newImage({ prefix: { S: ['x'] } }), 'filters')).not.toThrow()
  })

  it('more than 1000 combinations are refused', () => {
    const or = (count: number) => Array.from({ length: count }, (_, index) => ({ [`f${index}`]: ['x'] }))
    const pattern = (...counts: number[]) =>
      newImage(Object.fromEntries(counts.map((count, index) => [`g${index}`, { $or: or(count) }])))
    expect(() => compileFilters(pattern(10, 10, 10), 'filters')).not.toThrow()
    expect(refusal(pattern(10, 10, 11)).message).toContain('over 1000 combinations of $or')
    expect(refusal(pattern(...Array.from({ length: 90 }, () => 2))).details.option).toBe('filters')
  })
})

describe('patterns beyond the limits of Lambda are refused', () => {
  /** A pattern of exactly `length` characters. */
  const ofLength = (length: number) => {
    const empty = JSON.stringify({ eventName: [''] }).length
    return { eventName: ['x'.repeat(length - empty)] }
  }

  it('a pattern may have 4096 characters as JSON, as an object or as text', () => {
    expect(() => compileFilters([ofLength(4096), JSON.stringify(ofLength(4096))], 'filters')).not.toThrow()
    expect(refusedPaths([ofLength(4097), [JSON.stringify(ofLength(4097))]])).toEqual([
      'filters',
      'filters[0]',
    ])
    expect(refusal(ofLength(4097)).message).toContain('at most 4096 characters')
  })

  it('there may be 10 patterns', () => {
    const patterns = Array.from({ length: 10 }, () => ({ eventName: ['INSERT'] }))
    expect(() => compileFilters(patterns, 'filters')).not.toThrow()
    expect(refusedPaths([[...patterns, patterns[0]], { Filters: [...patterns, patterns[0]] }])).toEqual([
      'filters',
      'filters.Filters',
    ])
  })

  it('a FilterCriteria of 10 patterns of 4096 characters is accepted as JSON', () => {
    const Pattern = JSON.stringify(ofLength(4096))
    const json = JSON.stringify({ Filters: Array.from({ length: 10 }, () => ({ Pattern })) })
    expect(() => compileFilters(json, 'filters')).not.toThrow()
    expect(refusal(' '.repeat(1_000_000)).message).toContain('too long')
  })
})

describe('hostile patterns are refused quickly', () => {
  it('an object that contains itself is refused', () => {
    const cyclic: Record<string, unknown> = {}
    cyclic.M = cyclic
    expect(refusal(newImage(cyclic)).message).toContain('nested at most 100 levels deep')
    const cyclicOr: Record<string, unknown> = { a: ['x'] }
    cyclicOr.$or = [cyclicOr, cyclicOr]
    expect(refusal(newImage(cyclicOr)).message).toMatch(/nested at most 100 levels|4096 characters/)
  })

  it('a small object that expands to a huge pattern is refused', () => {
    let shared: object = { S: ['x'] }
    for (let level = 0; level < 60; level++) shared = { a: shared, b: shared }
    expect(refusal(newImage(shared)).message).toContain('at most 4096 characters')
  })

  it('deep JSON and keys of many segments are refused', () => {
    const depth = 100_000
    const json = `${'{"a":'.repeat(depth)}["x"]${'}'.repeat(depth)}`
    expect(refusal(json).details.option).toBe('filters')
    expect(
      refusal(newImage({ [Array.from({ length: 200 }, () => 'a').join('.')]: ['x'] })).message,
    ).toContain('100 levels')
  })

  it('an array that claims to be huge is refused', () => {
    const huge: unknown[] = []
    huge.length = 4_000_000_000
    expect(refusedPaths([huge, ...ruled(huge, [{ 'anything-but': huge }], [{ numeric: huge }])]).length).toBe(
      4,
    )
    expect(refusal({ $or: huge }).details.option).toBe('filters.$or')
  })

  it('a pattern whose getters or proxies throw is refused with their error as cause', () => {
    const failure = new Error('no access')
    const throwing = Object.defineProperty({}, 'eventName', {
      enumerable: true,
      get: () => {
        throw failure
      },
    })
    const error = refusal([throwing])
    expect(error.message).toBe('Option filters cannot be read: no access.')
    expect(error.cause).toBe(failure)
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusal(proxy).details.option).toBe('filters')
    expect(refusal([proxy]).details.option).toBe('filters')
  })

  it('a pattern that is changed later keeps its meaning', () => {
    const pattern = { eventName: ['INSERT'] }
    const filter = compileFilters(pattern, 'filters')
    pattern.eventName[0] = 'MODIFY'
    expect(filter.matches(lambdaEvent())).toBe(true)
  })

  it('every message is a sentence that ends with a full stop or question mark', () => {
    const refused = [1, [], 'x', {}, { a: ['x'] }, ...ruled(1, [], [{}], [{ cidr: 'x' }], [{ numeric: [1] }])]
    for (const filters of refused.filter((each) => !Array.isArray(each))) {
      expect(refusal(filters).message).toMatch(/^[A-Z].*[.?]$/)
    }
  })
})
