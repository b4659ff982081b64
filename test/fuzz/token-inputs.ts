import { inspect } from 'node:util'
import fc from 'fast-check'
import { STREAM_ARN, validToken } from '../unit/position/arbitrary-token.ts'

/**
 * A value that is parsed as a token. It is wrapped so that fast-check prints it with `labelOf`, because some
 * values throw when they are read.
 */
export interface TokenInput {
  readonly value: unknown
}

/** Unusual values for a field: other types, limits, names of Object.prototype, and objects that throw. */
const unusualValues: readonly unknown[] = [
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

const unusual = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...unusualValues) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 1, arbitrary: fc.anything({ withBigInt: true, withDate: true, withMap: true }) },
)

/** Generates a value of `arbitrary`, and in one of `oneIn` cases an unusual one. */
function orUnusual(arbitrary: fc.Arbitrary<unknown>, oneIn: number): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: oneIn - 1, arbitrary }, { weight: 1, arbitrary: unusual })
}

/** One of a few ids, so that some shards occur twice and some lineages are cycles. */
const shardId = orUnusual(
  fc
    .tuple(fc.nat(20), fc.nat(7))
    .map(([time, hash]) => `shardId-${String(1_767_225_600_000 + time).padStart(20, '0')}-${hash}`),
  20,
)

const sequenceNumber = fc.oneof(fc.nat().map(String), fc.constantFrom('0', '000', '9'.repeat(40)))

const position = orUnusual(
  fc.oneof(
    fc.constant('start'),
    sequenceNumber.map((after) => ({ after })),
    fc.nat(2e12).map((since) => ({ since })),
    fc.constantFrom({ end: null }, { end: '5' }),
    fc.tuple(fc.constantFrom('after', 'since', 'end'), unusual).map(([field, value]) => ({ [field]: value })),
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
      { shardId, at: position, state: orUnusual(fc.constantFrom('skipped', 'pending'), 4), later: unusual },
      { requiredKeys: ['shardId', 'at'] },
    ),
  },
)

/** Tokens of version 1 with some unusual values. */
const token = fc.record({
  version: orUnusual(fc.constant(1), 20),
  streamArn: orUnusual(fc.constant(STREAM_ARN), 20),
  shards: orUnusual(fc.array(shard, { maxLength: 6 }), 12),
})

/** Tokens of bloop with some unusual values. */
const bloopToken = fc.record({
  stream_arn: orUnusual(fc.constant(STREAM_ARN), 20),
  active: orUnusual(fc.array(shardId, { maxLength: 3 }), 12),
  shards: orUnusual(
    fc.array(
      fc.record(
        {
          shard_id: shardId,
          parent: shardId,
          iterator_type: orUnusual(
            fc.constantFrom('trim_horizon', 'latest', 'at_sequence', 'after_sequence', 'at_record'),
            20,
          ),
          sequence_number: orUnusual(sequenceNumber, 20),
        },
        { requiredKeys: ['shard_id', 'sequence_number'] },
      ),
      { maxLength: 6 },
    ),
    12,
  ),
})

/** A way to damage a string at some position. */
type Damage =
  | { readonly do: 'truncate' }
  | { readonly do: 'repeat'; readonly length: number }
  | { readonly do: 'replace' | 'insert'; readonly string: string }

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.constant({ do: 'truncate' } as const),
  fc.nat(60).map((length) => ({ do: 'repeat', length }) as const),
  fc
    .string({ unit: 'binary', minLength: 1, maxLength: 1 })
    .map((string) => ({ do: 'replace', string }) as const),
  fc
    .constantFrom('"__proto__":', '[', ']', '{', '}', ',', '"', '1e999', '-0', '\\ud800', '\\u001b', 'null')
    .map((string) => ({ do: 'insert', string }) as const),
)

/** Damages a serialized token in up to four places. */
function damaged(serialized: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const damages = fc.array(fc.tuple(fc.nat(1_000), damage), { minLength: 1, maxLength: 4 })
  return fc.tuple(serialized, damages).map(([intact, steps]) => steps.reduce(applyDamage, intact))
}

/** @param perMille - the position in the string, in thousandths of its length. */
function applyDamage(string: string, [perMille, step]: readonly [perMille: number, Damage]): string {
  const at = Math.floor((string.length * perMille) / 1_000)
  const before = string.slice(0, at)
  switch (step.do) {
    case 'truncate':
      return before
    case 'repeat':
      return before + string.slice(at, at + step.length) + string.slice(at)
    case 'replace':
      return before + step.string + string.slice(at + 1)
    case 'insert':
      return before + step.string + string.slice(at)
  }
}

/** Any input for the parser: tokens with unusual values, damaged JSON, and anything else. */
export const tokenInput: fc.Arbitrary<TokenInput> = fc
  .oneof(
    { weight: 6, arbitrary: token },
    { weight: 3, arbitrary: bloopToken },
    { weight: 2, arbitrary: fc.oneof(token, bloopToken).map(toJson) },
    { weight: 3, arbitrary: damaged(fc.oneof(token, bloopToken).map(toJson)) },
    { weight: 3, arbitrary: damaged(validToken.map(toJson)) },
    { weight: 2, arbitrary: unusual },
  )
  .map((value) => ({ value, [fc.toStringMethod]: () => labelOf(value) }))

/** Returns the value as JSON, or `{}` if it cannot be serialized. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) ?? ''
  } catch {
    return '{}'
  }
}

/** Formats a value without calling getters or the traps of proxies. */
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

/**
 * Creates an object that throws whenever it is read, sometimes a value that is not an Error. Only `in` works,
 * because fast-check uses it.
 */
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
