import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../../src/cli/arguments.ts'
import { exitCodes } from '../../../src/cli/errors.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'

const HASH = '0123456789abcdefABCDE_'
const source = ['--name', 'orders', '--parking-dir', 'parking']

function optionsOf(...args: string[]): unknown {
  const request = parseArguments(['parked', ...args])
  return 'options' in request ? request.options : request
}

const hashOf = (key: string) => hashItemKey(key)

describe('the arguments of parked', () => {
  test('parked list has a run and a folder', () => {
    expect(optionsOf('list', ...source)).toEqual({
      name: 'orders',
      location: { kind: 'folder', path: 'parking' },
      action: { kind: 'list', json: false },
    })
  })

  test('the options of parked may precede the action and stand between keys', () => {
    expect(optionsOf(...source, 'release', HASH, '--', '{"id":"1"}')).toMatchObject({
      action: { kind: 'release', keys: [{ keyHash: HASH }, { keyHash: hashOf('{"id":{"S":"1"}}') }] },
    })
  })

  test('parked reads a table with an endpoint and a region', () => {
    const args = ['--parking-table', 't', '--endpoint', 'http://localhost:8000', '--region', 'eu-west-1']
    expect(optionsOf('list', '--json', '--name', 'orders', ...args)).toEqual({
      name: 'orders',
      location: { kind: 'table', tableName: 't', endpoint: 'http://localhost:8000', region: 'eu-west-1' },
      action: { kind: 'list', json: true },
    })
  })

  test('parked show has no limit by default', () => {
    expect(optionsOf('show', HASH, ...source)).toMatchObject({
      action: { kind: 'show', key: { keyHash: HASH }, limit: Number.POSITIVE_INFINITY, json: false },
    })
    expect(optionsOf('show', HASH, '--limit', '3', '--json', ...source)).toMatchObject({
      action: { limit: 3, json: true },
    })
  })

  test('parked release accepts --all, and parked drop requires --yes', () => {
    expect(optionsOf('release', '--all', ...source)).toMatchObject({
      action: { kind: 'release', keys: 'all' },
    })
    expect(optionsOf('drop', HASH, '--yes', ...source)).toMatchObject({
      action: { kind: 'drop', keys: [{ text: HASH, keyHash: HASH }] },
    })
  })

  test.each([`-${HASH.slice(1)}`, `--${HASH.slice(2)}`, '-'.repeat(22)])(
    'the hash %s is a key although it starts with a hyphen',
    (keyHash) => {
      expect(optionsOf('show', keyHash, ...source)).toMatchObject({ action: { key: { keyHash } } })
      expect(optionsOf(keyHash, 'show', ...source)).toMatchObject({ action: { key: { keyHash } } })
    },
  )

  test.each([
    ['{"id":"1"}', '{"id":{"S":"1"}}'],
    [' { "id" : "1" } ', '{"id":{"S":"1"}}'],
    ['{"id":1}', '{"id":{"N":"1"}}'],
    ['{"id":{"N":"1.0"}}', '{"id":{"N":"1"}}'],
    ['{"id":{"B":"AQ=="}}', '{"id":{"B":"AQ=="}}'],
    ['{"sort":2,"id":"é😀\\u0041"}', '{"id":{"S":"é😀A"},"sort":{"N":"2"}}'],
    ['{"id":{"S":"{\\"id\\":\\"1\\"}"}}', '{"id":{"S":"{\\"id\\":\\"1\\"}"}}'],
    ['{"S":"1"}', '{"S":{"S":"1"}}'],
  ])('the key %s has the hash of the item key', (text, itemKey) => {
    expect(optionsOf('show', text, ...source)).toMatchObject({
      action: { key: { text, keyHash: hashOf(itemKey) } },
    })
  })

  const location = 'Missing parking store: use --parking-dir DIR or --parking-table TABLE'
  const keyIsWrong = 'KEY must be an item key as JSON, such as {"id":"42"}, or its hash of 22 characters'
  test.each<[args: string[], message: string]>([
    [[], 'Missing action: use list, show, release or drop'],
    [['lst', ...source], 'Unknown action "lst": use list, show, release or drop'],
    [['list', '--parking-dir', 'a'], 'Missing name of the run: use --name NAME'],
    [['list', '--name', 'orders'], location],
    [['list', ...source, '--parking-table', 't'], 'Use either --parking-dir or --parking-table, not both'],
    [['list', ...source, '--region', 'eu-west-1'], 'Use --endpoint and --region only with --parking-table'],
    [['list', ...source, '--endpoint', 'http://a'], 'Use --endpoint and --region only with --parking-table'],
    [
      ['list', '--name', 'a', '--parking-table', 't', '--endpoint', 'a:b@c'],
      '--endpoint must be a URL such as http://localhost:8000',
    ],
    [['list', 'orders', ...source], 'parked list accepts no key: use parked show KEY'],
    [['list', HASH, ...source], 'parked list accepts no key: use parked show KEY'],
    [['show', ...source], 'Missing key: use parked show KEY, where KEY is an item key as JSON or its hash'],
    [['show', HASH, HASH, ...source], 'parked show accepts only one key'],
    [['show', HASH, '--limit', '0', ...source], '--limit is "0", but must be a whole number of 1 or more'],
    [['release', ...source], 'Missing key: use parked release KEY, or --all for all keys'],
    [['release', HASH, '--all', ...source], 'Use either --all or keys, not both'],
    [
      ['drop', '--yes', ...source],
      'Missing key: use parked drop KEY, where KEY is an item key as JSON or its hash',
    ],
    [
      ['drop', HASH, ...source],
      'parked drop loses the parked records of a key: add --yes if that is what you want',
    ],
    [['drop', '--all', '--yes', ...source], '--all cannot be used with parked drop'],
    [['show', HASH, '--all', ...source], '--all cannot be used with parked show'],
    [['release', HASH, '--yes', ...source], '--yes cannot be used with parked release'],
    [['list', '--limit', '3', ...source], '--limit cannot be used with parked list'],
    [['release', HASH, '--json', ...source], '--json cannot be used with parked release'],
    [['show', 'orders', ...source], keyIsWrong],
    [['show', HASH.slice(1), ...source], keyIsWrong],
    [['show', '["id"]', ...source], keyIsWrong],
    [['show', '"id"', ...source], keyIsWrong],
    [['show', 'null', ...source], keyIsWrong],
    [['show', '{"id":', ...source], keyIsWrong],
    [['show', '{}', ...source], 'KEY must have one or two attributes'],
    [['show', '{"a":"1","b":"2","c":"3"}', ...source], 'KEY must have one or two attributes'],
    [
      ['show', '{"id":1.5}', ...source],
      'A number in KEY that is not a small integer must be written as in {"id":{"N":"1.5"}}',
    ],
    [
      ['show', '{"id":12345678901234567890}', ...source],
      'A number in KEY that is not a small integer must be written as in {"id":{"N":"1.5"}}',
    ],
    ...['null', 'true', '[]', '{}', '{"S":1}', '{"S":"1","N":"1"}', '{"X":"1"}'].map(
      (value): [string[], string] => [
        ['show', `{"id":${value}}`, ...source],
        'The attributes of KEY must be strings, numbers, or as in {"id":{"B":"AQ=="}}',
      ],
    ),
    [['list', ...source, '--parked-dir', 'a'], 'Unknown option --parked-dir; did you mean --parking-dir?'],
    [['list', '--name'], '--name requires a value. See dynamodb-stream-iterator parked --help'],
  ])('the arguments %j of parked are rejected', (args, message) => {
    expect(() => optionsOf(...args)).toThrow(
      expect.objectContaining({ message, code: 'usage', exitCode: exitCodes.usage }),
    )
  })
})
