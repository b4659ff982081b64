import type { UnsettledEntry } from '../../../src/position/token.ts'
import type { SettlementFields } from '../../../src/position/unsettled.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { type Delivery, ShardLedger } from '../../../src/shards/shard-ledger.ts'

export interface TestRecord {
  readonly sequenceNumber: string
  readonly itemKey: string
}

/** What a token of one shard contains. */
export interface SavedShard extends SettlementFields {
  readonly after: string | undefined
}

/** Sequence numbers of different lengths, with gaps in between: their order as strings is another one. */
export function recordsOf(keys: readonly string[]): TestRecord[] {
  return keys.map((itemKey, index) => ({ sequenceNumber: String(7 + index * 3), itemKey }))
}

export function asStreamRecord(record: TestRecord): StreamRecord {
  return { ...record, createdAt: new Date(1_000) } as unknown as StreamRecord
}

/** The token of a shard, as the frontier creates it. */
export function save(ledger: ShardLedger, start: string | undefined): SavedShard {
  return JSON.parse(JSON.stringify({ after: ledger.acknowledged ?? start, ...ledger.settlement() }))
}

/** A new ledger that has loaded a token. */
export function load({ through, unsettled }: SavedShard): ShardLedger {
  const ledger = new ShardLedger()
  ledger.load({ ...(through !== undefined && { through }), ...(unsettled && { unsettled }) })
  return ledger
}

/** Delivers the records after the position of a token, as a session does. Skipped ones are undefined. */
export function deliver(ledger: ShardLedger, records: readonly TestRecord[]): (Delivery | undefined)[] {
  return records.map((record) => ledger.deliverUnlessSettled(asStreamRecord(record), record.sequenceNumber))
}

/** A keyed or single entry without attempts, as a token contains it. */
export function entry(from: string, itemKey?: string, more: Partial<UnsettledEntry> = {}): UnsettledEntry {
  return {
    from,
    ...(itemKey !== undefined && { key: hashItemKey(itemKey) }),
    attempts: 0,
    since: 1_000,
    ...more,
  }
}
