import { describe, expect, it } from 'vitest'
import { compileFilters } from '../../../src/filter/compile-filter.ts'
import { inserted, lambdaEvent, newImage } from './lambda-event.ts'

/** A case: what it shows, a pattern, an event, and whether they match. */
type Case = readonly [shows: string, pattern: object, event: object, isMatch: boolean]

function expectCases(cases: readonly Case[]): void {
  const failed = cases.filter(([, pattern, event, isMatch]) => matches(pattern, event) !== isMatch)
  expect(failed.map(([shows, , , isMatch]) => `${shows}: should ${isMatch ? '' : 'not '}match`)).toEqual([])
}

function matches(pattern: unknown, event: object): boolean {
  return compileFilters(pattern, 'filters').matches(event)
}

/** Cases for the values of one attribute. */
function values(rule: readonly unknown[], matching: readonly unknown[], others: readonly unknown[]): Case[] {
  const toCase = (value: unknown, isMatch: boolean): Case => [
    `${JSON.stringify(rule)} for ${JSON.stringify(value)}`,
    newImage({ field: rule }),
    inserted(value === undefined ? {} : { field: value }),
    isMatch,
  ]
  return [...matching.map((value) => toCase(value, true)), ...others.map((value) => toCase(value, false))]
}

describe('filter patterns match the examples of the AWS documentation', () => {
  const company = { CustomerName: { S: 'AnyCompany Industries' } }
  const image = { AccountManager: { S: 'Pat Candella' }, PaymentTerms: { S: '60 days' }, ...company }
  const event = lambdaEvent({
    NewImage: image,
    OldImage: { ...image, AccountManager: { S: 'Terry Whitlock' } },
  })

  it('a filter on a table key matches only items with that key', () => {
    const pattern = { dynamodb: { Keys: { CustomerName: { S: ['AnyCompany Industries'] } } } }
    expectCases([
      ['the key', pattern, event, true],
      ['another key', pattern, lambdaEvent({ Keys: { CustomerName: { S: 'Other' } } }), false],
      ['no such key', pattern, lambdaEvent({ Keys: { Other: { S: 'AnyCompany Industries' } } }), false],
      [
        'a number as key',
        { dynamodb: { Keys: { n: { N: ['4567'] } } } },
        lambdaEvent({ Keys: { n: { N: '4567' } } }),
        true,
      ],
    ])
  })

  it('a filter on an attribute matches any of the listed values', () => {
    const pattern = newImage({ AccountManager: { S: ['Pat Candella', 'Shirley Rodriguez'] } })
    expectCases([
      ['the first', pattern, event, true],
      ['the second', pattern, inserted({ AccountManager: { S: 'Shirley Rodriguez' } }), true],
      ['another', pattern, inserted({ AccountManager: { S: 'Terry Whitlock' } }), false],
      ['no new image', pattern, lambdaEvent({ OldImage: image }), false],
    ])
  })

  it('all fields of a filter must match', () => {
    const pattern = {
      dynamodb: {
        NewImage: { AccountManager: { S: ['Pat Candella'] } },
        OldImage: { AccountManager: { S: ['Terry Whitlock'] } },
      },
    }
    expectCases([
      ['both', pattern, event, true],
      ['only the new image', pattern, lambdaEvent({ NewImage: image, OldImage: image }), false],
    ])
  })

  it('exists finds a list through the type of its elements, but not an attribute by its name', () => {
    const organizations = inserted({ Organizations: { L: [{ S: 'Sales' }, { S: 'Marketing' }] } })
    const byElement = newImage({ Organizations: { L: { S: [{ exists: true }] } } })
    expectCases([
      ['the elements', byElement, organizations, true],
      ['no such elements', byElement, inserted({ Organizations: { L: [{ N: '1' }] } }), false],
      ['an empty list', byElement, inserted({ Organizations: { L: [] } }), false],
      ['the attribute', newImage({ Organizations: [{ exists: true }] }), organizations, false],
    ])
  })

  it('each operator in the table of the documentation matches as described there', () => {
    expectCases([
      ...values([null], [null], ['', 'x', 0, false, undefined]),
      ...values([''], [''], [' ', null, undefined]),
      ...values(['Alice'], ['Alice'], ['alice', 'Alice ', 'Alic', undefined]),
      ...values(
        [{ 'equals-ignore-case': 'alice' }],
        ['alice', 'ALICE', 'aLiCe'],
        ['alic', 'alice!', null, 1],
      ),
      ...values(['Credit', 'Debit'], ['Credit', 'Debit'], ['Cash']),
      ...values([{ 'anything-but': ['Raining'] }], ['Sunny', ''], ['Raining', undefined]),
      ...values([{ numeric: ['=', 100] }], [100, 100.0], [100.1, -100, '100']),
      ...values([{ numeric: ['>', 10, '<=', 20] }], [10.5, 20], [10, 20.5, '15', null, undefined]),
      ...values([{ exists: true }], ['x', '', 0, false, null], [undefined, {}, []]),
      ...values([{ exists: false }], [undefined, {}, []], ['x', '', 0, false, null]),
      ...values([{ prefix: 'us-' }], ['us-', 'us-east-1'], ['US-east-1', 'eu-us-', 'us', 1]),
      ...values([{ suffix: '.png' }], ['.png', 'a.png'], ['a.PNG', '.png ', 'png', 1]),
    ])
  })

  it('$or matches if one of its objects matches, together with the fields beside it', () => {
    const pattern = newImage({
      Day: { S: ['Monday'] },
      $or: [{ Location: { S: ['New York'] } }, { Weather: { S: ['Sunny'] } }],
    })
    const item = (Day: string, Location: string, Weather: string) =>
      inserted({ Day: { S: Day }, Location: { S: Location }, Weather: { S: Weather } })
    expectCases([
      ['the first', pattern, item('Monday', 'New York', 'Raining'), true],
      ['the second', pattern, item('Monday', 'Paris', 'Sunny'), true],
      ['neither', pattern, item('Monday', 'Paris', 'Raining'), false],
      ['not the field beside it', pattern, item('Sunday', 'New York', 'Sunny'), false],
    ])
  })
})

describe('filter patterns match as AWS did in the validated tests of LocalStack', () => {
  it('filters on the kind of change and on the source match', () => {
    const modified = lambdaEvent({}, { eventName: 'MODIFY' })
    expectCases([
      ['one kind', { eventName: ['INSERT'] }, lambdaEvent(), true],
      ['another kind', { eventName: ['INSERT'] }, modified, false],
      ['two kinds', { eventName: ['INSERT', 'MODIFY'] }, modified, true],
      ['the source', { eventName: ['INSERT'], eventSource: ['aws:dynamodb'] }, lambdaEvent(), true],
      ['the kind, with a source', { eventName: ['INSERT'], eventSource: ['aws:dynamodb'] }, modified, false],
    ])
  })

  it('a pattern without the type of the attribute matches nothing', () => {
    const event = inserted({ presentKey: { S: 'presentValue' } })
    expectCases([
      ['a value with its type', newImage({ presentKey: { S: ['presentValue'] } }), event, true],
      ['a value without', newImage({ presentKey: ['presentValue'] }), event, false],
      ['exists with the type', newImage({ presentKey: { S: [{ exists: true }] } }), event, true],
      ['exists without', newImage({ presentKey: [{ exists: true }] }), event, false],
      ['another type', newImage({ homemade: { N: ['1234'] } }), inserted({ homemade: { S: '1234' } }), false],
    ])
  })

  it('exists: false on an attribute without its type matches items that have the attribute', () => {
    const pattern = newImage({ presentKey: [{ exists: false }] })
    expectCases([
      ['absent', pattern, inserted({ id: { S: '1' } }), true],
      ['present', pattern, inserted({ presentKey: { S: 'x' } }), true],
      [
        'present, with the type',
        newImage({ presentKey: { S: [{ exists: false }] } }),
        inserted({ presentKey: { S: 'x' } }),
        false,
      ],
    ])
  })

  it('numeric does not match numbers of DynamoDB, which are strings, but matches the creation time', () => {
    const rule = newImage({ n: { N: [{ numeric: ['>', 100] }, { 'anything-but': '101' }] } })
    expectCases([
      ['by anything-but', rule, inserted({ n: { N: '42' } }), true],
      ['by neither', rule, inserted({ n: { N: '101' } }), false],
      ['a number', newImage({ n: { N: [{ numeric: ['>', 0] }] } }), inserted({ n: { N: '5' } }), false],
      [
        'the creation time',
        { dynamodb: { ApproximateCreationDateTime: [{ numeric: ['>', 0] }] } },
        lambdaEvent(),
        true,
      ],
      ['the size', { dynamodb: { SizeBytes: [{ numeric: ['>', 26] }] } }, lambdaEvent(), false],
    ])
  })

  it('anything-but matches null and every other type, but not an absent field', () => {
    expectCases([
      ...values([{ 'anything-but': 'initializing' }], [null, true, 1, 'x'], ['initializing', undefined]),
      ...values([{ 'anything-but': ['stopped', 'overloaded'] }], [null, 'x'], ['stopped', 'overloaded']),
      ...values([{ 'anything-but': 123 }], [124, '123', null], [123, 123.0, undefined]),
      ...values([{ 'anything-but': [100, 200] }], [150, '100'], [100, 200, undefined]),
      ...values([{ 'anything-but': 0 }], [1, '0', false], [0]),
      ...values([{ 'anything-but': '' }], [' '], ['']),
    ])
  })

  it('an absent field or attribute matches exists: false beside another rule', () => {
    const pattern = newImage({ homemade: { S: [{ 'anything-but': ['roses'] }, { exists: false }] } })
    expectCases([
      ['the type is absent', pattern, inserted({ homemade: { N: '789' } }), true],
      ['the attribute is absent', pattern, inserted({ purchased: { N: '789' } }), true],
      ['the refused value', pattern, inserted({ homemade: { S: 'roses' } }), false],
      ['another value', pattern, inserted({ homemade: { S: 'tulips' } }), true],
    ])
  })

  it('a key with dots equals the nested keys that it spells, and no others', () => {
    const nested = inserted({ state: { status: 'running' } })
    const dotted = inserted({ 'state.status': 'running' })
    const nestedRule = newImage({ state: { status: ['running'] } })
    const dottedRule = newImage({ 'state.status': ['running'] })
    expectCases([
      ['nested in both', nestedRule, nested, true],
      ['dots in the pattern', dottedRule, nested, true],
      ['dots in the record', nestedRule, dotted, true],
      ['dots in both', dottedRule, dotted, true],
      [
        'dots and one more level in the record',
        nestedRule,
        inserted({ 'state.status': { status: 'running' } }),
        false,
      ],
      [
        'dots and one more level in the pattern',
        newImage({ 'state.status': { status: ['running'] } }),
        nested,
        false,
      ],
      ['dots from the top', { 'dynamodb.NewImage.state.status': ['running'] }, nested, true],
      [
        'dots within a longer path',
        newImage({ a: { 'b.c': { d: ['x'] } } }),
        inserted({ 'a.b': { 'c.d': 'x' } }),
        true,
      ],
      [
        'both spellings in one record',
        dottedRule,
        inserted({ 'state.status': 'running', state: { status: 'x' } }),
        true,
      ],
    ])
  })

  it('JSON inside of a string is not searched', () => {
    expectCases([
      ['a field of it', newImage({ s: { S: { a: ['b'] } } }), inserted({ s: { S: '{"a":"b"}' } }), false],
      ['the string', newImage({ s: { S: ['{"a":"b"}'] } }), inserted({ s: { S: '{"a":"b"}' } }), true],
    ])
  })

  it('an empty list matches neither null nor any other value', () => {
    expectCases([
      ...values([null], [[null]], [[], [[]]]),
      ...values([{ exists: true }], [[0]], [[], [[]], [{}]]),
      ...values([{ 'anything-but': 'x' }], [['y']], [[], ['x']]),
    ])
  })

  it('a prefix or suffix that is empty matches every string', () => {
    expectCases([
      ...values([{ prefix: '' }], ['', 'x'], [1, null, undefined]),
      ...values([{ suffix: '' }], ['', 'x'], [1, null, undefined]),
      ...values([{ 'equals-ignore-case': '' }], [''], ['x', null, undefined]),
    ])
  })

  it('booleans and strings with the same text are different values', () => {
    expectCases([
      ...values([true], [true], ['true', 1, false]),
      ...values(['true'], ['true'], [true]),
      ...values([300], [300, 3.0e2], ['300', 301]),
      ...values([0], [0, -0], ['0', false, null]),
      ['a boolean attribute', newImage({ paid: { BOOL: [true] } }), inserted({ paid: { BOOL: true } }), true],
      ['a null attribute', newImage({ paid: { NULL: [true] } }), inserted({ paid: { NULL: true } }), true],
    ])
  })
})

describe('filter patterns match lists as EventBridge does', () => {
  it('any element of a set or list matches', () => {
    expectCases([
      ['a set', newImage({ tags: { SS: ['admin'] } }), inserted({ tags: { SS: ['user', 'admin'] } }), true],
      [
        'no element',
        newImage({ tags: { SS: ['root'] } }),
        inserted({ tags: { SS: ['user', 'admin'] } }),
        false,
      ],
      [
        'anything-but one of two',
        newImage({ tags: { SS: [{ 'anything-but': 'banned' }] } }),
        inserted({ tags: { SS: ['banned', 'ok'] } }),
        true,
      ],
      [
        'anything-but the only one',
        newImage({ tags: { SS: [{ 'anything-but': 'banned' }] } }),
        inserted({ tags: { SS: ['banned'] } }),
        false,
      ],
      [
        'a list',
        newImage({ tags: { L: { S: ['a'] } } }),
        inserted({ tags: { L: [{ N: '1' }, { S: 'a' }] } }),
        true,
      ],
      [
        'nested lists',
        newImage({ tags: { L: { L: { S: ['a'] } } } }),
        inserted({ tags: { L: [{ L: [] }, { L: [{ S: 'a' }] }] } }),
        true,
      ],
      ['lists directly in lists', newImage({ tags: ['a'] }), inserted({ tags: [['b'], [['a']]] }), true],
    ])
  })

  it('two fields must match in the same element of a list', () => {
    const rule = newImage({ people: { L: { M: { first: { S: ['Anna'] }, last: { S: ['Smith'] } } } } })
    const person = (first: string, last: string) => ({ M: { first: { S: first }, last: { S: last } } })
    const people = (...L: object[]) => inserted({ people: { L } })
    expectCases([
      ['one element', rule, people(person('John', 'Doe'), person('Anna', 'Smith')), true],
      ['two elements', rule, people(person('Anna', 'Jones'), person('Peter', 'Smith')), false],
      [
        'the last of three',
        rule,
        people(person('Anna', 'x'), person('x', 'Smith'), person('Anna', 'Smith')),
        true,
      ],
      [
        'two maps of one element',
        rule,
        people({ M: { first: { S: 'Anna' } } }, { M: { last: { S: 'Smith' } } }),
        false,
      ],
    ])
  })

  it('fields in different lists match in any elements of them', () => {
    const rule = newImage({ a: { x: ['1'] }, b: { x: ['2'] }, c: ['3'] })
    expectCases([
      ['different elements', rule, inserted({ a: [{}, { x: '1' }], b: [{ x: '2' }, {}], c: '3' }), true],
      ['one list does not match', rule, inserted({ a: [{ x: '1' }], b: [{ x: '1' }], c: '3' }), false],
      [
        'a field after the lists does not match',
        rule,
        inserted({ a: [{ x: '1' }], b: [{ x: '2' }], c: '4' }),
        false,
      ],
    ])
  })

  it('fields of nested lists must match in the same element at every level', () => {
    const rule = newImage({ d: { id: ['1'], t: { k: ['color'], v: ['blue'] } } })
    const blue = { k: 'color', v: 'blue' }
    expectCases([
      ['the same elements', rule, inserted({ d: [{ id: '2' }, { id: '1', t: [{ k: 'x' }, blue] }] }), true],
      [
        'different inner elements',
        rule,
        inserted({ d: [{ id: '1', t: [{ k: 'color' }, { v: 'blue' }] }] }),
        false,
      ],
      [
        'different outer elements',
        rule,
        inserted({
          d: [
            { id: '1', t: [] },
            { id: '2', t: [blue] },
          ],
        }),
        false,
      ],
    ])
  })

  it('values that are elements themselves do not belong to one element', () => {
    const rule = {
      'dynamodb.NewImage.d': ['x'],
      'dynamodb.NewImage.d.a': ['1'],
      'dynamodb.NewImage.d.b': ['2'],
    }
    expectCases([
      ['beside the element', rule, inserted({ d: ['x', { a: '1', b: '2' }] }), true],
      ['no such value', rule, inserted({ d: ['y', { a: '1', b: '2' }] }), false],
      ['different elements', rule, inserted({ d: ['x', { a: '1' }, { b: '2' }] }), false],
      ['in a nested list', rule, inserted({ d: [['x'], { a: '1', b: '2' }] }), false],
    ])
  })

  it('exists: false is judged in the element that an earlier field has selected', () => {
    const rule = newImage({ d: { a: ['1'], b: [{ exists: false }] } })
    expectCases([
      ['absent from it', rule, inserted({ d: [{ a: '1' }, { a: '1', b: '2' }] }), true],
      ['present in it', rule, inserted({ d: [{ a: '1', b: '2' }, { a: '2' }] }), false],
      ['the list is empty', rule, inserted({ d: [] }), false],
    ])
  })

  it('exists: false is judged in all elements if no earlier field has selected one', () => {
    const first = newImage({ d: { a: [{ exists: false }], b: ['1'] } })
    const only = newImage({ d: { a: [{ exists: false }] } })
    expectCases([
      ['absent from all', first, inserted({ d: [{ b: '1' }, { c: '1' }] }), true],
      ['present in another element', first, inserted({ d: [{ b: '1' }, { a: '1' }] }), false],
      ['alone, and absent', only, inserted({ d: [{ b: '1' }] }), true],
      ['alone, and present', only, inserted({ d: [{ b: '1' }, { a: '1' }] }), false],
      ['alone, in an empty list', only, inserted({ d: [] }), true],
      ['alone, without an image', only, lambdaEvent(), true],
    ])
  })

  it('the element that leaves a later field absent is found, although other values match too', () => {
    const rule = newImage({ d: { a: ['1'], b: [{ exists: false }] } })
    expectCases([
      ['through a key with dots', rule, inserted({ 'd.a': '1', d: [{ a: '1' }, { b: '2' }] }), true],
      ['only through the key with dots', rule, inserted({ 'd.a': '1', d: [{ b: '2' }] }), false],
      [
        'a rule that also matches absence',
        newImage({ d: { a: [{ exists: false }, '1'], b: ['2'] } }),
        inserted({ d: [{ b: '2' }] }),
        true,
      ],
      [
        'its value in another element',
        newImage({ d: { a: [{ exists: false }, '1'], b: ['2'] } }),
        inserted({ d: [{ b: '2' }, { a: '1' }] }),
        false,
      ],
    ])
  })
})

describe('filter patterns with $or match as EventBridge does', () => {
  it('$or within an object belongs to that object, and to the same element of a list', () => {
    const rule = newImage({ d: { a: ['1'], $or: [{ b: ['2'] }, { c: ['3'] }] } })
    expectCases([
      ['the first', rule, inserted({ d: { a: '1', b: '2' } }), true],
      ['the second', rule, inserted({ d: { a: '1', c: '3' } }), true],
      ['neither', rule, inserted({ d: { a: '1', b: '3', c: '2' } }), false],
      ['the same element', rule, inserted({ d: [{ b: '2' }, { a: '1', c: '3' }] }), true],
      ['different elements', rule, inserted({ d: [{ a: '1' }, { b: '2' }] }), false],
    ])
  })

  it('nested and parallel $or match by all of their combinations', () => {
    const nested = newImage({
      $or: [{ a: ['1'] }, { b: ['1'], $or: [{ c: ['1'] }, { d: ['1'] }] }],
    })
    const parallel = {
      $or: [{ eventName: ['INSERT'] }, { eventID: ['2'] }],
      ...newImage({ $or: [{ a: ['1'] }, { b: ['1'] }] }),
    }
    expectCases([
      ['nested: a', nested, inserted({ a: '1' }), true],
      ['nested: b and d', nested, inserted({ b: '1', d: '1' }), true],
      ['nested: only b', nested, inserted({ b: '1' }), false],
      ['nested: only d', nested, inserted({ d: '1' }), false],
      ['parallel: both', parallel, inserted({ b: '1' }), true],
      ['parallel: only one', parallel, inserted({ c: '1' }), false],
    ])
  })

  it('$or without a list of objects is a field with that name', () => {
    expectCases([
      ['an object', newImage({ $or: { S: ['x'] } }), inserted({ $or: { S: 'x' } }), true],
      ['values', newImage({ $or: ['x', 'y'] }), inserted({ $or: 'y' }), true],
      ['operators', newImage({ $or: [{ prefix: 'x' }, { exists: false }] }), inserted({ $or: 'xy' }), true],
      [
        'operators, and none matches',
        newImage({ $or: [{ prefix: 'x' }, { suffix: 'y' }] }),
        inserted({ $or: 'a' }),
        false,
      ],
    ])
  })
})

describe('filter patterns match strings and names exactly', () => {
  it('equals-ignore-case compares character by character', () => {
    expectCases([
      ...values(
        [{ 'equals-ignore-case': 'straße' }],
        ['Straße', 'STRAßE', 'STRASSE'],
        ['straSSes', 'strase'],
      ),
      ...values([{ 'equals-ignore-case': 'ÄÖÜ' }], ['äöü', 'Äöü'], ['aou']),
      ...values([{ 'equals-ignore-case': 'ΑΣ' }], ['ασ', 'ΑΣ'], ['ας', 'α']),
      ...values([{ 'equals-ignore-case': '𐐨a' }], ['𐐀A'], ['𐐨']),
    ])
  })

  it('strings are not normalized', () => {
    expectCases([
      ...values(['\u00e9'], ['\u00e9'], ['e\u0301', '\u00c9']),
      ...values([{ prefix: 'e' }], ['e\u0301'], ['\u00e9']),
    ])
  })

  it('names that every JavaScript object inherits are not found in a record', () => {
    expectCases([
      ['constructor', newImage({ constructor: { name: ['Object'] } }), inserted({}), false],
      ['constructor is absent', newImage({ constructor: { name: [{ exists: false }] } }), inserted({}), true],
      ['toString', newImage({ toString: { length: [{ exists: true }] } }), inserted({}), false],
      [
        'a list has no length',
        newImage({ tags: { length: [{ exists: true }] } }),
        inserted({ tags: ['x'] }),
        false,
      ],
      ['a list has no index', newImage({ tags: { 0: ['x'] } }), inserted({ tags: ['x'] }), false],
      [
        'a string has no length',
        newImage({ s: { length: [{ exists: true }] } }),
        inserted({ s: 'x' }),
        false,
      ],
      [
        'hasOwnProperty',
        newImage({ hasOwnProperty: { S: ['x'] } }),
        inserted({ hasOwnProperty: { S: 'x' } }),
        true,
      ],
    ])
  })

  it('an attribute named __proto__ is found only if the record has it', () => {
    const pattern = '{"dynamodb":{"NewImage":{"__proto__":{"S":["x"]}}}}'
    const withAttribute = JSON.parse('{"dynamodb":{"NewImage":{"__proto__":{"S":"x"}}}}')
    expect(matches(pattern, withAttribute)).toBe(true)
    expect(matches(pattern, inserted({ S: 'x' }))).toBe(false)
    expect(matches(pattern, { dynamodb: { NewImage: Object.create({ S: 'x' }) } })).toBe(false)
    expect(matches('{"dynamodb":{"NewImage":{"__proto__":{"S":[{"exists":false}]}}}}', inserted({}))).toBe(
      true,
    )
  })

  it('properties that are undefined are absent', () => {
    expectCases([
      ['exists', newImage({ a: [{ exists: true }] }), inserted({ a: undefined }), false],
      ['absent', newImage({ a: [{ exists: false }] }), inserted({ a: undefined }), true],
      ['anything-but', newImage({ a: [{ 'anything-but': 'x' }] }), inserted({ a: undefined }), false],
      ['null is not absent', newImage({ a: [{ exists: false }] }), inserted({ a: null }), false],
    ])
  })

  it('a removal by time to live is found by the identity that removed the item', () => {
    const pattern = { userIdentity: { type: ['Service'], principalId: ['dynamodb.amazonaws.com'] } }
    const userIdentity = { type: 'Service', principalId: 'dynamodb.amazonaws.com' }
    expectCases([
      ['by the service', pattern, lambdaEvent({}, { eventName: 'REMOVE', userIdentity }), true],
      ['by a user', pattern, lambdaEvent({}, { eventName: 'REMOVE' }), false],
      [
        'not by the service',
        { userIdentity: { type: [{ exists: false }] } },
        lambdaEvent({}, { userIdentity }),
        false,
      ],
    ])
  })
})
