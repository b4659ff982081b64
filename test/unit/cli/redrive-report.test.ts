import { describe, expect, test } from 'vitest'
import {
  describeDryRun,
  describeSummary,
  letterNoun,
  listRecords,
  type ReportOptions,
  reportRedrive,
} from '../../../src/cli/redrive-report.ts'
import { parseLetter } from '../../../src/redrive/parse-letter.ts'
import { type LetterRecord, type QueuedLetter, queuedLetter } from '../../../src/redrive/queued-letter.ts'
import { emptySummary } from '../../../src/redrive/summary.ts'
import { letterJson } from '../redrive/redrive-subject.ts'

function letterAt(place: string, task?: string): { letter: QueuedLetter; record: LetterRecord } {
  const parsed = parseLetter(letterJson(7, 'secret', { task }))
  const letter = queuedLetter(place, parsed, parsed.records ?? [], true)
  return { letter, record: letter.records[0] as LetterRecord }
}

function report(options: Partial<ReportOptions> = {}) {
  const lines: string[] = []
  const listener = reportRedrive({
    from: { kind: 'queue', url: 'https://q' },
    log: (line) => void lines.push(line),
    now: () => 0,
    ...options,
  })
  return { lines, listener }
}

describe('reportRedrive', () => {
  test('a letter is called a message, an object or a line', () => {
    expect(letterNoun({ kind: 'queue', url: '' })).toBe('message')
    expect(letterNoun({ kind: 'bucket', bucket: '', prefix: '' })).toBe('object')
    expect(letterNoun({ kind: 'file', path: '' })).toBe('line')
  })

  test('each record that was not handled is reported with its number, its key hash and the name of the error', () => {
    const { lines, listener } = report()
    const { letter, record } = letterAt('m1', 'send mail')
    const error = Object.assign(new TypeError('secret'), { code: 'E_CODE' })
    listener.notHandled(letter, record, { fate: 'failed', attempts: 3, error })
    listener.notHandled(letter, record, { fate: 'failed', attempts: 1, error: undefined })
    listener.notHandled(letter, record, { fate: 'rejected', attempts: 1, error: new Error('secret') })
    listener.notHandled(letter, record, { fate: 'invalid', attempts: 1 })
    listener.notHandled(letter, record, { fate: 'unknownTask' })
    listener.notHandled(letter, record, { fate: 'lost' })
    const start = `message m1: record 7 (key ${record.keyHash})`
    expect(lines).toEqual([
      `${start} failed 3 times (TypeError, E_CODE); left in its place`,
      `${start} failed once; left in its place`,
      `${start} was rejected by the handler; left in its place`,
      `${start} does not match the schema; left in its place`,
      `${start} is a letter of the task "send mail", which the handler module does not have; left in its place`,
      `${start} was changed, or received by another consumer; left in its place`,
    ])
  })

  test('anything that a handler can throw is reported', () => {
    const { lines, listener } = report()
    const { letter, record } = letterAt('m1')
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('secret')
        },
      },
    )
    for (const error of ['secret', null, 5, hostile, { name: 'X' }]) {
      listener.notHandled(letter, record, { fate: 'failed', attempts: 2, error })
    }
    expect(lines).toHaveLength(5)
    expect(lines.join()).not.toContain('secret')
  })

  test('after 100 lines about letters, further ones are only counted', () => {
    const { lines, listener } = report()
    for (let number = 0; number < 150; number++) listener.malformed(`m${number}`, 'it is not a dead letter')
    expect(lines).toHaveLength(101)
    expect(lines.slice(-2)).toEqual([
      'message m99: it is not a dead letter; left in its place',
      'further letters are only counted',
    ])
  })

  test('progress is reported every 5 seconds at most', () => {
    let time = 0
    const { lines, listener } = report({ now: () => time })
    const summary = { ...emptySummary(), found: 10 }
    for (time = 0; time < 12_000; time += 1_000)
      listener.letterEnded({ ...summary, handled: time / 1_000, failed: 1 })
    expect(lines).toEqual(['handled 5 of 10 letters, 1 failed', 'handled 10 of 10 letters, 1 failed'])
  })
})

describe('describeSummary', () => {
  test('only what has happened is mentioned', () => {
    const summary = { ...emptySummary(), found: 1, handled: 1, records: 1 }
    expect(describeSummary(summary)).toBe('handled 1 of 1 letter (1 record)')
    expect(
      describeSummary({ ...summary, found: 9, failed: 2, behindOthers: 1, malformed: 4, filtered: 2 }),
    ).toBe(
      'handled 1 of 9 letters (1 record); 2 records excluded by the filters; 2 failed; ' +
        '1 not started, because an earlier letter of the item was not handled; 4 malformed',
    )
  })
})

describe('describeDryRun', () => {
  test('a dry run reports the letters, those within the limit, and only what else it has found', () => {
    const summary = emptySummary()
    expect(describeDryRun(1, Number.POSITIVE_INFINITY, summary)).toBe('1 letter would be handled')
    expect(describeDryRun(9, 9, summary)).toBe('9 letters would be handled')
    expect(describeDryRun(9, 2, { ...summary, malformed: 1, handledBefore: 3 })).toBe(
      '2 of 9 letters would be handled; 1 malformed; 3 handled by an earlier redrive',
    )
  })
})

describe('listRecords', () => {
  test('the list of a letter contains no value of the item', () => {
    const { letter, record } = letterAt('m1', 'mail')
    const listed = listRecords(letter)
    expect(listed).toEqual([
      {
        place: 'm1',
        condition: 'RetryAttemptsExhausted',
        name: 'indexer',
        task: 'mail',
        keyHash: record.keyHash,
        streamArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
        shardId: 'shardId-00000001767225600000-0a1b2c3d',
        sequenceNumber: '7',
        createdAt: '2026-01-02T03:04:05.000Z',
        attempts: 3,
      },
    ])
    expect(JSON.stringify(listed)).not.toContain('secret')
  })
})
