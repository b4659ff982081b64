import { describe, expect, it } from 'vitest'
import type { ReaderPhase } from '../../../src/reader/shard-reader.ts'
import { ShardReader } from '../../../src/reader/shard-reader.ts'
import type { Outcome } from '../../../src/reader/step.ts'
import { OLDEST_RETAINED, ShardNode, type ShardStart } from '../../../src/shards/shard.ts'
import type { WireRecord } from '../../../src/wire/wire-record.ts'
import { contextAt, emptyPage, NOW, queue, readerOf } from './reader.ts'

const HOUR_MS = 3_600_000

/** A reader that starts at `start`, of a shard that was created `ageMs` ago. */
function startingAt(
  start: ShardStart,
  {
    ageMs = 0,
    firstNumber,
    timeGranularityMs = 1_000,
  }: { ageMs?: number; firstNumber?: string; timeGranularityMs?: number } = {},
): ShardReader {
  const node = new ShardNode(`shardId-${String(NOW - ageMs).padStart(20, '0')}-0000000a`, 0)
  node.start = start
  node.startingSequenceNumber = firstNumber
  return new ShardReader(node, { isHeld: false, serviceNow: NOW, timeGranularityMs, onChange: () => {} })
}

const recordAt = (sequenceNumber: string, createdAt?: number): WireRecord => ({
  dynamodb: {
    SequenceNumber: sequenceNumber,
    ...(createdAt !== undefined && { ApproximateCreationDateTime: createdAt / 1_000 }),
  },
})

const failure = (
  name: string,
  operation: 'GetRecords' | 'GetShardIterator' = 'GetRecords',
): Extract<Outcome, { kind: 'failed' }> => ({
  kind: 'failed',
  failed: { operation, error: Object.assign(new Error(name), { name, $metadata: { httpStatusCode: 400 } }) },
})

/** Brings a reader to the tip with empty pages at `now`. */
function toTip(reader: ShardReader, now = 0): void {
  for (let page = 0; page < 6; page++) {
    reader.startRead(page + 1, now, NOW + now)
    reader.step(emptyPage, contextAt(now))
  }
}

describe('iteratorStart', () => {
  it('an iterator starts after the last record that was read, or at the oldest one if none was', () => {
    const reader = startingAt('start')
    expect(reader.iteratorStart(NOW)).toEqual({ type: 'TRIM_HORIZON' })
    reader.admit([recordAt('7', NOW)])
    expect(reader.iteratorStart(NOW)).toEqual({ type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: '7' })
  })

  it('an iterator starts at the oldest record if the position is before the first sequence number of the shard', () => {
    const reader = startingAt({ after: '99' }, { firstNumber: '100' })
    expect(reader.iteratorStart(NOW)).toEqual({ type: 'TRIM_HORIZON' })
    const other = startingAt({ after: '100' }, { firstNumber: '100' })
    expect(other.iteratorStart(NOW)).toEqual({ type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: '100' })
  })

  it('an iterator starts at the first sequence number of an old shard that must be complete, to detect trimmed records', () => {
    const reader = startingAt('start', { ageMs: 25 * HOUR_MS, firstNumber: '100' })
    expect(reader.iteratorStart(NOW)).toEqual({ type: 'AT_SEQUENCE_NUMBER', sequenceNumber: '100' })
    const young = startingAt('start', { ageMs: 23 * HOUR_MS, firstNumber: '100' })
    expect(young.iteratorStart(NOW)).toEqual({ type: 'TRIM_HORIZON' })
    const oldest = startingAt(OLDEST_RETAINED, { ageMs: 25 * HOUR_MS, firstNumber: '100' })
    expect(oldest.iteratorStart(NOW)).toEqual({ type: 'TRIM_HORIZON' })
  })

  it('an iterator does not start again at a first sequence number that the endpoint has rejected', () => {
    const reader = startingAt('start', { ageMs: 25 * HOUR_MS, firstNumber: '100' })
    reader.startRead(1, 0, NOW)
    const { failed } = failure('ValidationException', 'GetShardIterator')
    reader.step({ kind: 'failed', failed: { ...failed, start: reader.iteratorStart(NOW) } }, contextAt(0))
    expect(reader.iteratorStart(NOW)).toEqual({ type: 'TRIM_HORIZON' })
  })

  it('an iterator starts at the oldest record after a gap', () => {
    const reader = startingAt({ after: '7' }, { ageMs: 25 * HOUR_MS, firstNumber: '1' })
    reader.admit([recordAt('8', NOW)])
    reader.node.ledger.deliver({} as never, '8')
    reader.resetToTrimHorizon()
    expect(reader.iteratorStart(NOW)).toEqual({ type: 'TRIM_HORIZON' })
    expect(reader.losesTrimmed(NOW)).toBe(false)
    expect(reader.node.position).toEqual(OLDEST_RETAINED)
  })
})

describe('admit', () => {
  it('records that were already fetched are skipped, including the last one', () => {
    const reader = startingAt('start')
    expect(reader.admit([recordAt('1', NOW), recordAt('2', NOW)])).toBe(0)
    expect(reader.admit([recordAt('2', NOW), recordAt('3', NOW)])).toBe(1)
    expect(reader.admit([recordAt('2', NOW), recordAt('3', NOW)])).toBe(2)
  })

  it('a record without a sequence number counts as new', () => {
    const reader = startingAt('start')
    reader.admit([recordAt('5', NOW)])
    expect(reader.admit([recordAt('', NOW), recordAt('6', NOW)])).toBe(0)
  })

  it('records from before the requested time are skipped until the first one that is not', () => {
    const reader = startingAt({ since: NOW + 1_500 })
    expect(reader.admit([recordAt('1', NOW), recordAt('2', NOW + 1_000), recordAt('3', NOW)])).toBe(1)
    expect(reader.since).toBeUndefined()
    expect(reader.admit([recordAt('4', NOW)])).toBe(0)
  })

  it('the requested time is truncated like the times of records, to the minute for DynamoDB Local', () => {
    const reader = startingAt({ since: NOW + 59_000 }, { timeGranularityMs: 60_000 })
    expect(reader.admit([recordAt('1', NOW)])).toBe(0)
  })

  it('a record without a time is delivered, because it may be new enough', () => {
    const reader = startingAt({ since: NOW + 5_000 })
    expect(reader.admit([recordAt('1', NOW), recordAt('2')])).toBe(1)
  })
})

it('a shard that was opened with LATEST is at its tip, and has caught up', () => {
  const reader = startingAt({ since: NOW })
  reader.openedAtLatest(NOW + 70)
  expect(reader.atTip).toBe(true)
  expect(reader.caughtUpAt).toBe(NOW + 70)
  expect(reader.since).toBe(NOW)
})

describe('blocks', () => {
  it('the merge waits for a shard that may contain older records', () => {
    const reader = readerOf()
    expect(reader.blocks).toBe(false)
    reader.schedule(0)
    expect(reader.blocks).toBe(true)
  })

  it('the merge does not wait for a shard that is held back, has buffered records, or is at its tip', () => {
    const held = readerOf('a', { isHeld: true })
    held.schedule(0)
    expect(held.blocks).toBe(false)
    held.release()
    expect(held.blocks).toBe(true)
    queue(held, 1)
    expect(held.blocks).toBe(false)
    const tip = readerOf()
    tip.schedule(0)
    toTip(tip)
    expect(tip.blocks).toBe(false)
  })

  it('the merge does not wait for a shard whose end is being checked, or whose error has not been thrown yet', () => {
    const checked = readerOf()
    checked.startRead(1, 0, NOW)
    checked.step({ ...emptyPage, nextIterator: undefined }, contextAt(0))
    expect([checked.phase, checked.blocks]).toEqual<[ReaderPhase, boolean]>(['checkingEnd', false])
    const failed = readerOf()
    failed.startRead(1, 0, NOW)
    failed.step(failure('AccessDeniedException'), contextAt(0))
    expect([failed.phase, failed.blocks]).toEqual<[ReaderPhase, boolean]>(['failed', false])
  })

  it('neither the merge nor a caller waits for a shard that has been failing for a minute', () => {
    const reader = readerOf()
    for (let at = 0; at <= 60_000; at += 5_000) {
      reader.startRead(1, at, NOW)
      reader.step(failure('ThrottlingException'), contextAt(at))
      reader.schedule(at + 5_000)
    }
    expect(reader.isStalled).toBe(true)
    expect(reader.blocks).toBe(false)
    expect(reader.hasPolledSince(1_000)).toBe(true)
  })
})

describe('callers that wait for news', () => {
  it('a caller waits for a read that started after the call', () => {
    const reader = readerOf()
    toTip(reader)
    expect(reader.hasPolledSince(5)).toBe(true)
    expect(reader.hasPolledSince(6)).toBe(false)
  })

  it('an idle shard is polled for a caller after the shortest pause, and one with a backlog at once', () => {
    const reader = readerOf()
    reader.schedule(50)
    expect(reader.dueForCaller(contextAt(0))).toBe(0)
    toTip(reader)
    reader.schedule(10_000)
    expect(reader.dueForCaller(contextAt(100))).toBe(200)
    reader.schedule(150)
    expect(reader.dueForCaller(contextAt(100))).toBeUndefined()
  })

  it('neither a caller nor the delivery of the last record shortens the pause after a failure', () => {
    const reader = readerOf()
    reader.startRead(1, 0, NOW)
    reader.step(failure('ThrottlingException'), contextAt(0))
    reader.schedule(5_000)
    expect(reader.dueForCaller(contextAt(0))).toBeUndefined()
    expect(reader.drained(contextAt(0))).toBeUndefined()
  })
})

describe('reads', () => {
  it('a read is not scheduled before the rate limit of the shard allows it', () => {
    const reader = readerOf()
    const page = { ...emptyPage, records: 1, admitted: 1, newestAt: NOW }
    for (let number = 1; number <= 101; number++) {
      reader.startRead(number, 0, NOW)
      reader.step(page, contextAt(0))
    }
    reader.schedule(0)
    expect(reader.dueAt).toBe(200)
  })

  it('a read is due at once when the last buffered record of a backlog is delivered', () => {
    const reader = readerOf()
    reader.startRead(1, 0, NOW)
    reader.step(emptyPage, contextAt(0))
    reader.schedule(1_000)
    expect(reader.drained(contextAt(10))).toBe(10)
  })

  it('the first read after the tip is reached is due after the shortest pause, however many pages were empty', () => {
    const reader = readerOf()
    let action: ReturnType<ShardReader['step']>
    for (let page = 1; page <= 6; page++) {
      reader.startRead(page, 0, NOW)
      action = reader.step(emptyPage, contextAt(0))
    }
    expect(action).toEqual({ do: 'read', at: 200 })
  })

  it('only a read at the tip shows the time up to which everything was fetched', () => {
    const reader = readerOf()
    queue(reader, 1)
    reader.startRead(1, 0, NOW)
    reader.step({ ...emptyPage, records: 1, admitted: 1 }, contextAt(0))
    expect(reader.caughtUpAt).toBeUndefined()
    toTip(reader, 1_000)
    expect(reader.caughtUpAt).toBe(NOW + 1_000)
  })
})

describe('end checks', () => {
  it('an end check that completes after the shard is read again changes nothing', () => {
    const reader = readerOf()
    reader.startRead(1, 0, NOW)
    expect(reader.step({ kind: 'endChecked', wasListed: true }, contextAt(0))).toBeUndefined()
    expect(reader.phase).toBe('reading')
  })
})

it('a failed read does not change the time of the last page', () => {
  const reader = readerOf()
  toTip(reader, 1_000)
  reader.startRead(7, 2_000, NOW)
  reader.step(failure('ThrottlingException'), contextAt(2_000))
  expect(reader.respondedAt).toBe(1_000)
  toTip(reader, 3_000)
  expect(reader.respondedAt).toBe(3_000)
})

describe('the tip after a pause of the consumer', () => {
  const invalidatedDuringRead = (lastStaleRead: number) => {
    const reader = readerOf()
    toTip(reader)
    reader.startRead(7, 5_000, NOW)
    reader.invalidateTip(lastStaleRead)
    reader.step(emptyPage, contextAt(6_000))
    return reader
  }

  it('one empty page shows the tip again after a pause of the consumer', () => {
    expect(invalidatedDuringRead(6).atTip).toBe(true)
  })

  it('a read that was in flight during a pause of the consumer does not show the tip, but the next one does', () => {
    const reader = invalidatedDuringRead(7)
    expect(reader.atTip).toBe(false)
    reader.startRead(8, 6_000, NOW)
    reader.step(emptyPage, contextAt(6_000))
    expect(reader.atTip).toBe(true)
  })
})

describe('losesTrimmed', () => {
  it('trimmed records are a gap after a record that was read, or after the position', () => {
    expect(startingAt({ after: '1' }).losesTrimmed(NOW)).toBe(true)
    const read = startingAt(OLDEST_RETAINED)
    expect(read.losesTrimmed(NOW)).toBe(false)
    read.admit([recordAt('1', NOW)])
    expect(read.losesTrimmed(NOW)).toBe(true)
  })

  it('trimmed records are a gap for a requested time only if it is older than the retention, allowing for clock skew', () => {
    const since = NOW - 24 * HOUR_MS
    expect(startingAt({ since: since - 300_001 }).losesTrimmed(NOW)).toBe(true)
    expect(startingAt({ since: since - 300_000 }).losesTrimmed(NOW)).toBe(false)
    const incomplete = startingAt({ since: since - HOUR_MS })
    incomplete.node.mustBeComplete = false
    expect(incomplete.losesTrimmed(NOW)).toBe(false)
  })

  it('trimmed records are not a gap while all records read are older than the requested time', () => {
    const reader = startingAt({ since: NOW - HOUR_MS }, { ageMs: 30 * HOUR_MS })
    reader.admit([recordAt('1', NOW - 20 * HOUR_MS)])
    expect(reader.losesTrimmed(NOW)).toBe(false)
    const afterFirst = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: '1' }
    expect(reader.iteratorStart(NOW)).toEqual(afterFirst)
    reader.startRead(1, 0, NOW)
    reader.step(failure('TrimmedDataAccessException', 'GetShardIterator'), contextAt(0))
    expect(reader.iteratorStart(NOW)).toEqual({ type: 'TRIM_HORIZON' })
    reader.step(emptyPage, contextAt(0))
    expect(reader.iteratorStart(NOW)).toEqual(afterFirst)
    reader.admit([recordAt('2', NOW - HOUR_MS)])
    expect(reader.losesTrimmed(NOW)).toBe(true)
  })
})

it('a young shard that vanishes is a gap even if it need not be complete, because none of it was trimmed', () => {
  const reader = startingAt('start', { ageMs: HOUR_MS })
  reader.node.mustBeComplete = false
  const exists = { kind: 'streamExists', failed: failure('ResourceNotFoundException').failed } as const
  for (let read = 0; read < 4; read++) {
    reader.startRead(read, read * 75_000, NOW)
    expect(reader.step(exists, contextAt(read * 75_000))).toMatchObject({ do: 'read' })
  }
  expect(reader.step(exists, contextAt(300_000))).toMatchObject({ do: 'reportGap', reason: 'shard-vanished' })
  const old = startingAt(OLDEST_RETAINED, { ageMs: 25 * HOUR_MS })
  old.startRead(1, 0, NOW)
  old.step(exists, contextAt(0))
  expect(old.step(exists, contextAt(0))).toEqual({ do: 'expire' })
})

describe('records without a time', () => {
  it('a first record without a time is merged by when its shard was created, or by the time its parent has reached', () => {
    const queued = (reader: ShardReader) => {
      const context = { shardId: reader.node.shardId, decode: undefined, unmarshallOptions: undefined }
      reader.queue.push({ records: [recordAt('1')], first: 0, bytes: 1, context })
      return reader.queue.headTime
    }
    expect(queued(startingAt('start', { ageMs: HOUR_MS }))).toBe(NOW - HOUR_MS)
    const node = new ShardNode(`shardId-${String(NOW - HOUR_MS).padStart(20, '0')}-0000000a`, 0)
    node.reachedTime = NOW - 5_000
    const child = new ShardReader(node, {
      isHeld: false,
      serviceNow: NOW,
      timeGranularityMs: 1_000,
      onChange: () => {},
    })
    expect(queued(child)).toBe(NOW - 5_000)
  })
})
