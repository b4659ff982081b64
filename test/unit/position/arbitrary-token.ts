import fc from 'fast-check'
import type { ShardPosition, ShardToken, StreamToken, UnsettledEntry } from '../../../src/position/token.ts'
import type { SettlementFields } from '../../../src/position/unsettled.ts'

export const STREAM_ARN =
  'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'

const sequenceNumber = fc.stringMatching(/^\d{21,40}$/)

const position: fc.Arbitrary<ShardPosition> = fc.oneof(
  fc.constant('start' as const),
  sequenceNumber.map((after) => ({ after })),
  fc.integer({ min: 0, max: 8.64e15 }).map((since) => ({ since })),
  fc.option(sequenceNumber, { nil: null }).map((end) => ({ end })),
)

const shardId = fc.oneof(
  { weight: 5, arbitrary: fc.stringMatching(/^shardId-\d{20}-[0-9a-f]{8}$/) },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '0') },
)

const entry: fc.Arbitrary<UnsettledEntry> = fc
  .record(
    {
      key: fc.stringMatching(/^[\w-]{22}$/),
      attempts: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1e9 })),
      since: fc.integer({ min: 0, max: 8.64e15 }),
      running: fc.constant(true as const),
      done: fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), {
        minLength: 1,
        maxLength: 3,
      }),
      error: fc.record(
        { name: fc.string({ unit: 'grapheme', maxLength: 20 }), code: fc.string({ maxLength: 20 }) },
        { requiredKeys: ['name'], noNullPrototype: true },
      ),
    },
    { requiredKeys: ['attempts', 'since'] },
  )
  .map((fields) => ({ from: '', ...fields }))

/** The fields of a shard that is read from a sequence number: all others in it are higher. */
const settlement: fc.Arbitrary<SettlementFields> = fc
  .record(
    {
      through: fc.nat(1_000),
      unsettled: fc.array(fc.record({ entry, from: fc.nat(1_000) }), { minLength: 1, maxLength: 5 }),
    },
    { requiredKeys: [] },
  )
  .map(({ through, unsettled }) => {
    const named = new Set<string>()
    const entries = unsettled?.map(({ entry, from }) => ({ ...entry, from: above(from) }))
    const unique = entries?.filter(({ key, from }) => {
      const name = key ?? from
      return !named.has(name) && named.add(name)
    })
    return { ...(through !== undefined && { through: above(through) }), ...(unique && { unsettled: unique }) }
  })

/** A number that is higher than every other number in these tokens. */
function above(offset: number): string {
  return `9${String(offset).padStart(40, '0')}`
}

/** Valid tokens with up to eight shards in a random forest. */
export const validToken: fc.Arbitrary<StreamToken> = fc
  .uniqueArray(
    fc.record({
      shardId,
      at: position,
      settlement: fc.option(settlement, { nil: undefined }),
      state: fc.constantFrom(undefined, 'skipped' as const, 'pending' as const),
      parent: fc.option(fc.nat(100), { nil: undefined }),
    }),
    { selector: (shard) => shard.shardId, maxLength: 8 },
  )
  .map((shards) => ({
    version: 1,
    streamArn: STREAM_ARN,
    shards: shards.map(({ shardId, at, state, parent, settlement }, index): ShardToken => {
      // The parent is always an earlier shard, so that there are no cycles.
      const parentId = parent === undefined || index === 0 ? undefined : shards[parent % index]?.shardId
      const hasState = state !== undefined && typeof at === 'object' && 'since' in at
      const isRead = !hasState && !(typeof at === 'object' && 'end' in at)
      return {
        shardId,
        ...(parentId !== undefined && { parentId }),
        at,
        ...(hasState && { state }),
        ...(isRead && settlement),
      }
    }),
  }))
