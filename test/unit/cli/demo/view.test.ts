import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../../../src/cli/demo/verify.ts'
import { type DemoState, frame, summaryLine, verdictLines } from '../../../../src/cli/demo/view.ts'

const state: DemoState = {
  elapsedMs: 1_234,
  written: 500,
  delivered: 480,
  writtenPerSecond: 400,
  deliveredPerSecond: 390,
  behind: 20,
  behindMs: 300,
  saved: 250,
  worker: 'running',
  shards: [
    { shardId: 'shardId-1-aaaaaaaa', parentId: undefined, state: 'finished', records: 300 },
    { shardId: 'shardId-2-bbbbbbbb', parentId: 'shardId-1-aaaaaaaa', state: 'reading', records: 180 },
  ],
}

describe('the view of the demo', () => {
  test('the view shows rates, lag and the shard tree', () => {
    const lines = frame(state, { columns: 80, rows: 24 })
    expect(lines).toContain('processed     480      390/s   behind 20 records, 0.3 s')
    expect(lines).toContain('aaaaaaaa ✓ 300 → bbbbbbbb ● 180')
  })

  test('the view fits into the terminal', () => {
    const many = Array.from({ length: 50 }, (_, n) => ({
      shardId: `shardId-${n}-x${n}`,
      parentId: undefined,
      state: 'reading' as const,
      records: 0,
    }))
    const lines = frame({ ...state, shards: many }, { columns: 30, rows: 20 })
    expect(lines.length).toBeLessThan(20)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(30)
  })

  test('the view wraps between figures in a narrow terminal', () => {
    const lines = frame(state, { columns: 44, rows: 24 })
    expect(lines).toContain('processed     480      390/s')
    expect(lines).toContain('           behind 20 records, 0.3 s')
    expect(lines).toContain('shards     ● being read   ○ not being read')
    expect(lines).toContain('           ✓ read to its end')
  })

  test('a chain of shards that is too long is shortened at its start, never at its end', () => {
    const chain = Array.from({ length: 6 }, (_, n) => ({
      shardId: `shardId-${n}-aaaaaaa${n}`,
      parentId: n === 0 ? undefined : `shardId-${n - 1}-aaaaaaa${n - 1}`,
      state: n === 5 ? ('reading' as const) : ('finished' as const),
      records: 100,
    }))
    const lines = frame({ ...state, shards: chain }, { columns: 44, rows: 24 })
    expect(lines.at(-1)).toBe('… → aaaaaaa4 ✓ 100 → aaaaaaa5 ● 100')
  })

  test('the summary uses the singular for one shard and one record', () => {
    const single = { ...state, behind: 1, shards: state.shards.slice(0, 1) }
    expect(summaryLine(single)).toContain('behind 1 record, 0.3 s; 1 shard, 0 being read')
  })

  test('the summary shows a time of 0.1 s or more if there are unprocessed records, and none otherwise', () => {
    expect(summaryLine({ ...state, behind: 0, behindMs: 0 })).toContain('behind 0 records; 2 shards')
    expect(summaryLine({ ...state, behind: 40, behindMs: 12 })).toContain(
      'behind 40 records, 0.1 s; 2 shards',
    )
  })

  test('the summary for logs is one plain line', () => {
    expect(summaryLine(state)).toBe(
      '  1.2 s  written 500, processed 480 (390/s), behind 20 records, 0.3 s; 2 shards, 1 being read; worker running',
    )
  })
})

describe('verdictLines', () => {
  const verdict: Verdict = {
    written: 10,
    delivered: 10,
    lost: 0,
    outOfOrder: 0,
    repeated: 3,
    unexpectedDuplicates: 0,
    unknown: 0,
    unsaved: 0,
    isGood: true,
  }

  test.each([44, 80])('the verdict fits into %d columns without breaking a word', (columns) => {
    const plain = verdictLines(verdict, (_, text) => text, Number.POSITIVE_INFINITY)
    const lines = verdictLines(verdict, (_, text) => text, columns)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
    expect(lines.join(' ').split(/ +/)).toEqual(plain.join(' ').split(/ +/))
    expect(lines.length).toBeGreaterThan(plain.length)
  })

  test('the width of the verdict is measured without its colors', () => {
    const styled = verdictLines(verdict, (_, text) => `\x1b[31m${text}\x1b[39m`, 80)
    const plain = verdictLines(verdict, (_, text) => text, 80)
    expect(styled.map((line) => stripVTControlCharacters(line))).toEqual(plain)
  })
})
