import type { unmarshallOptions } from '@aws-sdk/util-dynamodb'
import { type Clock, isClock } from '../core/clock.ts'
import { checkNames, integer, invalidOption, isIntegerInRange, namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'

/** The options of a `Coordinator`: how a stream is read. Only `streamArn` is required. */
export interface CoordinatorOptions {
  /**
   * The ARN of the stream, including its label:
   * `arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>`.
   */
  readonly streamArn: string
  /**
   * A `DynamoDBStreamsClient` of the AWS SDK v3, or another implementation of its three calls (such as the
   * emulator's `api`). It is not destroyed by `close()`.
   * @default a client with the environment's credentials and the region of the ARN, destroyed by `close()`
   */
  readonly client?: SdkClient | StreamsApi | undefined
  /**
   * What to do when records were trimmed before they were read. With `'throw'`, reading rejects with
   * `records.trimmed` until `moveTo` is called. With `'continue'`, reading resumes at the oldest retained
   * record. A `gap` event is emitted in both cases.
   * @default 'throw'
   */
  readonly onGap?: 'throw' | 'continue' | undefined
  /**
   * The limit for the records that are buffered over all shards, in bytes of GetRecords responses; 1048576 or
   * more. A single shard uses at most 5 MiB, so the limit is only reached when many shards have a backlog. A
   * higher limit then allows larger pages and fewer calls.
   *
   * One record per shard and the responses in flight can exceed the limit, and records use more memory once
   * their images are accessed: with a limit of 32 MiB and 400 shards with a backlog, resident memory was
   * measured to grow by 143 MiB. In a small container, use an eighth of its memory limit, such as 33554432
   * (32 MiB) for 256 MiB. A lower limit makes a replay slower, but never loses records.
   * @default 268435456
   */
  readonly maxBufferedBytes?: number | undefined
  /**
   * The maximum number of concurrent GetRecords calls, each for one shard; 1 to 10000.
   * @default 64
   */
  readonly maxConcurrentReads?: number | undefined
  /**
   * The maximum number of records per GetRecords call; 1 to 1000, the maximum of the service.
   * @default 1000
   */
  readonly pageSize?: number | undefined
  /**
   * The pause before a shard that had nothing new is polled again, in ms: `min` at first, then growing up to
   * `max`. Each is 0 to 60000, and `max` must be at least `min`. If only `min` is set, and is greater than
   * 1000, `max` is equal to it. Values below 200 allow more than 5 calls per second per shard, which may be
   * throttled; AWS does not document the limit.
   * @default { min: 200, max: 1000 }
   */
  readonly idlePollMs?: { readonly min?: number | undefined; readonly max?: number | undefined } | undefined
  /**
   * How often all shards are listed, in ms, to find shards other than the children of finished ones; 1000 to
   * 3600000.
   * @default 60000
   */
  readonly discoveryIntervalMs?: number | undefined
  /**
   * The options for converting images to plain values, passed to `unmarshall` of `@aws-sdk/util-dynamodb`.
   * @default {}
   */
  readonly unmarshallOptions?: unmarshallOptions | undefined
  /**
   * The source of time and timers, for tests.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
  /**
   * The source of random numbers from 0 (inclusive) to 1 (exclusive) for jitter, for tests.
   * @default Math.random
   */
  readonly random?: (() => number) | undefined
  /** Closes the coordinator when it aborts, like `close()`. */
  readonly signal?: AbortSignal | undefined
}

/** The names of {@link CoordinatorOptions}. */
export const coordinatorOptionNames: readonly (keyof CoordinatorOptions)[] = namesOf<CoordinatorOptions>({
  streamArn: true,
  client: true,
  onGap: true,
  maxBufferedBytes: true,
  maxConcurrentReads: true,
  pageSize: true,
  idlePollMs: true,
  discoveryIntervalMs: true,
  unmarshallOptions: true,
  clock: true,
  random: true,
  signal: true,
})

const unmarshallOptionNames = namesOf<unmarshallOptions>({
  wrapNumbers: true,
  convertWithoutMapWrapper: true,
})

type ReadingDefaults = Omit<ReadingOptions, 'unmarshallOptions'>

/** The default values of the reading options. */
export const coordinatorDefaults: ReadingDefaults = {
  onGap: 'throw',
  maxBufferedBytes: 256 * 1024 * 1024,
  maxConcurrentReads: 64,
  pageSize: 1000,
  idlePollMs: { min: 200, max: 1000 },
  discoveryIntervalMs: 60_000,
}

/** The options for reading, checked and with defaults. */
export interface ReadingOptions {
  readonly onGap: 'throw' | 'continue'
  readonly maxBufferedBytes: number
  readonly maxConcurrentReads: number
  readonly pageSize: number
  readonly idlePollMs: { readonly min: number; readonly max: number }
  readonly discoveryIntervalMs: number
  readonly unmarshallOptions: unmarshallOptions | undefined
}

/** @throws StreamError `options.invalid` for the first option that is out of range. */
export function checkReadingOptions(options: Omit<CoordinatorOptions, 'streamArn'>): ReadingOptions {
  const {
    onGap = coordinatorDefaults.onGap,
    clock,
    idlePollMs = {},
    random,
    signal,
    unmarshallOptions,
  } = options
  checkNames('idlePollMs', idlePollMs, ['min', 'max'])
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw invalidOption('signal', signal, 'an AbortSignal, such as the signal of an AbortController')
  }
  if (clock !== undefined && !isClock(clock)) {
    throw invalidOption('clock', clock, 'an object with now, monotonic and setTimer')
  }
  if (random !== undefined && typeof random !== 'function') {
    throw invalidOption('random', random, 'a function, such as Math.random')
  }
  if (unmarshallOptions !== undefined) {
    checkNames('unmarshallOptions', unmarshallOptions, unmarshallOptionNames)
  }
  if (onGap !== 'throw' && onGap !== 'continue') throw invalidOption('onGap', onGap, "'throw' or 'continue'")
  const min = integer('idlePollMs.min', idlePollMs.min ?? coordinatorDefaults.idlePollMs.min, 0, 60_000)
  const max = idlePollMs.max ?? Math.max(min, coordinatorDefaults.idlePollMs.max)
  if (isIntegerInRange(max, 0, min - 1)) {
    throw invalidOption('idlePollMs.max', max, `at least idlePollMs.min (${min})`)
  }
  return {
    onGap,
    maxBufferedBytes: integer(
      'maxBufferedBytes',
      options.maxBufferedBytes ?? coordinatorDefaults.maxBufferedBytes,
      1024 * 1024,
      Number.MAX_SAFE_INTEGER,
    ),
    maxConcurrentReads: integer(
      'maxConcurrentReads',
      options.maxConcurrentReads ?? coordinatorDefaults.maxConcurrentReads,
      1,
      10_000,
    ),
    pageSize: integer('pageSize', options.pageSize ?? coordinatorDefaults.pageSize, 1, 1000),
    idlePollMs: { min, max: integer('idlePollMs.max', max, min, 60_000) },
    discoveryIntervalMs: integer(
      'discoveryIntervalMs',
      options.discoveryIntervalMs ?? coordinatorDefaults.discoveryIntervalMs,
      1_000,
      3_600_000,
    ),
    unmarshallOptions,
  }
}
