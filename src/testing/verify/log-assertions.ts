import { AssertionError } from 'node:assert'
import { checkNames } from '../../core/options.ts'
import type { LogEntry } from '../emulator/state/log.ts'

export interface ParentsFirstOptions {
  /**
   * Whether a parent that was never opened is a fault too. A consumer that starts at LATEST or at a time has no
   * business with the shards that were closed before.
   * @default false
   */
  readonly everyParent?: boolean | undefined
}

/**
 * Throws when records of a shard were read before its parent was read to its end. After
 * `emulator.consumerRestarted()` a consumer may read again what it had read.
 */
export function expectParentsBeforeChildren(
  log: readonly LogEntry[],
  options: ParentsFirstOptions = {},
): void {
  checkNames('', options, ['everyParent'])
  const parentOf = new Map<string, string>()
  /** Shards that have records, by what the log says of writes. */
  const written = new Set<string>()
  const opened = new Set<string>()
  const ended = new Set<string>()
  /** Parents whose children gave records since the consumer's start. */
  const passed = new Map<string, string>()

  for (const entry of log) {
    const { op, shard } = entry
    if (op === 'consumerRestarted') passed.clear()
    if (shard === undefined || entry.error !== undefined) continue
    if (op === 'split' || op === 'roll') for (const child of entry.shards ?? []) parentOf.set(child, shard)
    if (op === 'put' || op === 'update' || op === 'remove') written.add(shard)
    if (op === 'GetShardIterator') opened.add(shard)
    if (op !== 'GetRecords') continue
    if (entry.records) {
      const child = passed.get(shard)
      if (child !== undefined) fail(`${shard} was read on after its child ${child}`, entry)
      const parent = parentOf.get(shard)
      if (parent !== undefined) {
        const owed = opened.has(parent) || (options.everyParent === true && written.has(parent))
        if (owed && !ended.has(parent))
          fail(`${shard} was read before the end of its parent ${parent}`, entry)
        passed.set(parent, shard)
      }
    }
    if (entry.end) ended.add(shard)
  }
}

/**
 * Throws when a call was made more than `perSecond` times within any second of the emulator's clock. Calls count from when
 * they were made, not from when latency let them reach the service.
 */
export function expectAtMostCalls(log: readonly LogEntry[], op: string, perSecond: number): void {
  const calls = log
    .filter((entry) => entry.op === op)
    .map((entry) => ({ entry, madeAt: entry.sentAt ?? entry.at }))
    .sort((one, other) => one.madeAt - other.madeAt)
  for (const [index, last] of calls.entries()) {
    const first = calls[index - perSecond]
    if (first && last.madeAt - first.madeAt < 1000) {
      fail(
        `${op} was called more than ${perSecond} times between ${time(first.madeAt)} and ${time(last.madeAt)}`,
        last.entry,
      )
    }
  }
}

/** Throws when DescribeStream was called more than `perSecond` times within any second. AWS throttles above 10. */
export function expectAtMostDescribeCalls(log: readonly LogEntry[], perSecond: number): void {
  expectAtMostCalls(log, 'DescribeStream', perSecond)
}

function time(at: number): string {
  return new Date(at).toISOString()
}

function fail(message: string, entry: LogEntry): never {
  throw new AssertionError({ message: `${message} (${JSON.stringify(entry)})`, stackStartFn: fail })
}
