import { inspect } from 'node:util'
import fc from 'fast-check'
import { STREAM_ARN, validToken } from '../unit/position/arbitrary-token.ts'

/** Something that is given to the library as a token. fast-check prints it by its `label`: some inputs throw when they are read. */
export interface TokenInput {
  readonly value: unknown
}

/** Values of every kind that a field may hold: other types, limits, names of Object.prototype, and objects that throw. */
const strangeValues: readonly unknown[] = [
  null,
  undefined,
  true,
  0,
  -0,
  -1,
  1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  8.64e15,
  8.64e15 + 1,
  1e308,
  1n,
  Symbol('x'),
  () => 1,
  '',
  ' ',
  '0',
  '007',
  '-1',
  '+1',
  '1e5',
  '0x10',
  ' 12',
  '12\n',
  '９９',
  '1'.repeat(128),
  '1'.repeat(129),
  'x'.repeat(100),
  'x'.repeat(101),
  'y'.repeat(10_000),
  '\ud800',
  '\u0000',
  '\u001b[31m',
  '\u009b2J',
  '\u2028',
  '__proto__',
  'constructor',
  [],
  {},
  [[]],
  new Array(5),
  Object.assign([], { length: 300_000 }),
  nested(50),
  nested(5_000),
  circular(),
  new Date(0),
  new Date(Number.NaN),
  /x/,
  new Map(),
  new String('start'),
  new Uint8Array(3),
  Object.create(null),
  Object.create({ version: 1, streamArn: STREAM_ARN, shards: [] }),
  JSON.parse('{"__proto__":{"after":"1"}}'),
  { after: '1', since: 1 },
  { after: ['1'] },
  { since: -1 },
  { since: 1.5 },
  { end: undefined },
  {
    get after() {
      throw new Error('unreadable')
    },
  },
  unreadableProxy(),
  new Proxy([], { get: (_, key) => (key === 'length' ? 1e9 : undefined) }),
]

const strange = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...strangeValues) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 1, arbitrary: fc.anything({ withBigInt: true, withDate: true, withMap: true }) },
)

/** `arbitrary` in most cases, and something strange in one of `oneIn`. */
function orStrange(arbitrary: fc.Arbitrary<unknown>, oneIn: number): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: oneIn - 1, arbitrary }, { weight: 1, arbitrary: strange })
}

/** Of a small set, so that shards are listed twice and descend from each other. */
const shardId = orStrange(
  fc
    .tuple(fc.nat(20), fc.nat(7))
    .map(([time, hash]) => `shardId-${String(1_767_225_600_000 + time).padStart(20, '0')}-${hash}`),
  20,
)

const sequenceNumber = fc.oneof(fc.nat().map(String), fc.constantFrom('0', '000', '9'.repeat(40)))

const position = orStrange(
  fc.oneof(
    fc.constant('start'),
    sequenceNumber.map((after) => ({ after })),
    fc.nat(2e12).map((since) => ({ since })),
    fc.constantFrom({ end: null }, { end: '5' }),
    fc.tuple(fc.constantFrom('after', 'since', 'end'), strange).map(([field, value]) => ({ [field]: value })),
  ),
  20,
)

const shard = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ shardId, at: position, parentId: shardId }, { requiredKeys: ['shardId', 'at'] }),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { shardId, at: position, state: orStrange(fc.constantFrom('skipped', 'pending'), 4), later: strange },
      { requiredKeys: ['shardId', 'at'] },
    ),
  },
)

/** Tokens of version 1, in which some parts are strange. */
const token = fc.record({
  version: orStrange(fc.constant(1), 20),
  streamArn: orStrange(fc.constant(STREAM_ARN), 20),
  shards: orStrange(fc.array(shard, { maxLength: 6 }), 12),
})

/** The same for tokens of bloop. */
const bloopToken = fc.record({
  stream_arn: orStrange(fc.constant(STREAM_ARN), 20),
  active: orStrange(fc.array(shardId, { maxLength: 3 }), 12),
  shards: orStrange(
    fc.array(
      fc.record(
        {
          shard_id: shardId,
          parent: shardId,
          iterator_type: orStrange(
            fc.constantFrom('trim_horizon', 'latest', 'at_sequence', 'after_sequence', 'at_record'),
            20,
          ),
          sequence_number: orStrange(sequenceNumber, 20),
        },
        { requiredKeys: ['shard_id', 'sequence_number'] },
      ),
      { maxLength: 6 },
    ),
    12,
  ),
})

/** How a text is damaged: at a place, a part of its length. */
type Damage =
  | { readonly do: 'cut' }
  | { readonly do: 'repeat'; readonly length: number }
  | { readonly do: 'replace' | 'insert'; readonly text: string }

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.constant({ do: 'cut' } as const),
  fc.nat(60).map((length) => ({ do: 'repeat', length }) as const),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).map((text) => ({ do: 'replace', text }) as const),
  fc
    .constantFrom('"__proto__":', '[', ']', '{', '}', ',', '"', '1e999', '-0', '\\ud800', '\\u001b', 'null')
    .map((text) => ({ do: 'insert', text }) as const),
)

/** Texts of tokens that were damaged in up to four places. */
function damaged(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const places = fc.array(fc.tuple(fc.nat(1_000), damage), { minLength: 1, maxLength: 4 })
  return fc.tuple(text, places).map(([whole, damages]) => damages.reduce(inflict, whole))
}

function inflict(text: string, [place, how]: readonly [number, Damage]): string {
  const at = Math.floor((text.length * place) / 1_000)
  const before = text.slice(0, at)
  switch (how.do) {
    case 'cut':
      return before
    case 'repeat':
      return before + text.slice(at, at + how.length) + text.slice(at)
    case 'replace':
      return before + how.text + text.slice(at + 1)
    case 'insert':
      return before + how.text + text.slice(at)
  }
}

/** All that may be given as a token: built from strange parts, damaged texts, and anything else. */
export const tokenInput: fc.Arbitrary<TokenInput> = fc
  .oneof(
    { weight: 6, arbitrary: token },
    { weight: 3, arbitrary: bloopToken },
    { weight: 2, arbitrary: fc.oneof(token, bloopToken).map(toJson) },
    { weight: 3, arbitrary: damaged(fc.oneof(token, bloopToken).map(toJson)) },
    { weight: 3, arbitrary: damaged(validToken.map(toJson)) },
    { weight: 2, arbitrary: strange },
  )
  .map((value) => ({ value, [fc.toStringMethod]: () => labelOf(value) }))

/** As JSON, as far as it can be written so. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) ?? ''
  } catch {
    return '{}'
  }
}

/** Looks into no proxy and calls no getter. */
function labelOf(value: unknown): string {
  return inspect(value, { depth: 6, showProxy: true, maxStringLength: 2_000, breakLength: 120 })
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

function circular(): unknown {
  const value: Record<string, unknown> = {}
  value.shards = [value]
  return value
}

/** Throws whenever it is read, and not always an Error. fast-check asks it with `in` for a method of its own. */
function unreadableProxy(): object {
  return new Proxy(
    {},
    {
      get() {
        throw new Error('unreadable')
      },
      has: () => false,
      ownKeys() {
        throw undefined
      },
      getOwnPropertyDescriptor() {
        throw 'unreadable'
      },
    },
  )
}
