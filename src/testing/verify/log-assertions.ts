import { AssertionError } from 'node:assert'
import { checkCallName } from '../emulator/faults/rules.ts'
import type { LogEntry } from '../emulator/state/log.ts'
import { aBoolean, type Checks, check, checkOptions, wholeNumber } from '../options/check-options.ts'

/** Options of {@link expectParentsBeforeChildren}. */
export interface ParentsFirstOptions {
  /**
   * Whether reading a child is a fault if its parent has records and was never opened. Records written by
   * `fill` do not count, because the log does not contain their shards. Do not set this for a consumer that
   * starts at LATEST or at a time: it does not have to read the shards that were closed before.
   * @default false
   */
  readonly everyParent?: boolean | undefined
}

const optionChecks: Checks<ParentsFirstOptions> = { everyParent: aBoolean }

const aLog = check(Array.isArray, 'an array of log entries, such as emulator.log')

/**
 * Throws an `AssertionError` if records of a shard were read before its parent was read to its end, or
 * records of a parent after those of its child. A parent that was never opened is ignored unless
 * `everyParent` is set. The calls in `emulator.log` are checked, so this also covers records that the
 * consumer read but did not deliver. After `emulator.consumerRestarted()`, a consumer can read parents again.
 */
export function expectParentsBeforeChildren(
  log: readonly LogEntry[],
  options: ParentsFirstOptions = {},
): void {
  aLog('log', log)
  checkOptions('', options, optionChecks)
  const parentOf = new Map<string, string>()
  /** Shards with writes in the log. */
  const written = new Set<string>()
  const opened = new Set<string>()
  const ended = new Set<string>()
  /** By parent: the child from which records were read last, since the consumer was started. */
  const childRead = new Map<string, string>()

  for (const entry of log) {
    const { op, shard } = entry
    if (op === 'consumerRestarted') childRead.clear()
    if (shard === undefined || entry.error !== undefined) continue
    if (op === 'split' || op === 'roll') for (const child of entry.shards ?? []) parentOf.set(child, shard)
    if (op === 'put' || op === 'update' || op === 'remove') written.add(shard)
    if (op === 'GetShardIterator') opened.add(shard)
    if (op !== 'GetRecords') continue
    if (entry.records) {
      const child = childRead.get(shard)
      if (child !== undefined) fail(`${shard} was read after its child ${child}`, entry)
      const parent = parentOf.get(shard)
      if (parent !== undefined) {
        const isExpected = opened.has(parent) || (options.everyParent === true && written.has(parent))
        if (isExpected && !ended.has(parent))
          fail(`${shard} was read before the end of its parent ${parent}`, entry)
        childRead.set(parent, shard)
      }
    }
    if (entry.end) ended.add(shard)
  }
}

/**
 * Throws an `AssertionError` if a call was made more than `perSecond` times within any second on the
 * emulator's clock. A call counts when it is made, not when it reaches the service after its latency.
 *
 * @param op - the name of the call, such as `GetRecords`.
 * @param perSecond - a whole number of 0 or more.
 * @throws StreamError `options.invalid` for an unknown name of a call or an invalid number.
 */
export function expectAtMostCalls(log: readonly LogEntry[], op: string, perSecond: number): void {
  aLog('log', log)
  checkCallName(op)
  wholeNumber(0)('perSecond', perSecond)
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

/**
 * Throws an `AssertionError` if DescribeStream was called more than `perSecond` times within any second. AWS
 * throttles more than 10 calls per second.
 */
export function expectAtMostDescribeCalls(log: readonly LogEntry[], perSecond: number): void {
  expectAtMostCalls(log, 'DescribeStream', perSecond)
}

function time(at: number): string {
  return new Date(at).toISOString()
}

function fail(message: string, entry: LogEntry): never {
  throw new AssertionError({ message: `${message} (${JSON.stringify(entry)})`, stackStartFn: fail })
}
