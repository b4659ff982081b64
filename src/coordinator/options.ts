import type { unmarshallOptions } from '@aws-sdk/util-dynamodb'
import type { Clock } from '../core/clock.ts'
import { checkNames, integer, invalidOption, namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'

/** How a stream is read. Everything but `streamArn` can be left out. */
export interface CoordinatorOptions {
  /** The stream's ARN, with its label: `arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>`. */
  readonly streamArn: string
  /**
   * The SDK's `DynamoDBStreamsClient`, or another implementation of its three calls (the emulator's `api`).
   * @default a client with the credentials of the environment and the region of the stream's ARN
   */
  readonly client?: SdkClient | StreamsApi | undefined
  /**
   * What to do about records that AWS trimmed before they were read. `'throw'`: reading rejects with `records.trimmed`
   * until `moveTo` is called. `'continue'`: go on at the oldest record that is left. Event `gap` tells of it both times.
   * @default 'throw'
   */
  readonly onGap?: 'throw' | 'continue' | undefined
  /**
   * How much may be buffered, over all shards, in bytes of the service's answers; 1 MiB (1 048 576) or more. A shard takes
   * 5 MiB at most, so that it is only reached when many shards have a backlog; then the more there is for each, the
   * fewer calls are made. One record of each shard and the responses in flight may come on top, and records take more memory
   * once their images are read: with a bound of 32 MiB and 400 shards with a backlog, resident memory was seen to grow by
   * 143 MiB. In a small container set it to an eighth of the memory limit, such as 33554432 (32 MiB) for 256 MiB; a lower bound
   * makes a replay slower and loses nothing.
   * @default 268435456
   */
  readonly maxBufferedBytes?: number | undefined
  /**
   * How many shards are read at the same moment; 1 to 10 000.
   * @default 64
   */
  readonly maxConcurrentReads?: number | undefined
  /**
   * How many records to ask for in one GetRecords call; 1 to 1000, which is the service's own bound.
   * @default 1000
   */
  readonly pageSize?: number | undefined
  /**
   * The pause before a shard that had nothing new is asked again, in ms: `min` at first, growing to `max`; 0 to
   * 60 000 each. Below 200 the service's limit of 5 calls a second and shard is exceeded.
   * @default { min: 200, max: 1000 }
   */
  readonly idlePollMs?: { readonly min?: number | undefined; readonly max?: number | undefined } | undefined
  /**
   * How often all shards are listed, in ms, to find shards that came up unannounced; 1 000 to 3 600 000.
   * @default 60000
   */
  readonly discoveryIntervalMs?: number | undefined
  /**
   * How images become plain values: the options of `unmarshall` in `@aws-sdk/util-dynamodb`.
   * @default {}
   */
  readonly unmarshallOptions?: unmarshallOptions | undefined
  /**
   * Where the time comes from, for tests.
   * @default the system's clock
   */
  readonly clock?: Clock | undefined
  /**
   * A source of numbers from 0 (inclusive) to 1, for the jitter of pauses; for tests.
   * @default Math.random
   */
  readonly random?: (() => number) | undefined
  /** Ends all reading when it aborts, like `close()`. */
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

type ReadingDefaults = Omit<ReadingOptions, 'unmarshallOptions'>

/** The defaults of the options that have a value of their own. */
export const coordinatorDefaults: ReadingDefaults = {
  onGap: 'throw',
  maxBufferedBytes: 256 * 1024 * 1024,
  maxConcurrentReads: 64,
  pageSize: 1000,
  idlePollMs: { min: 200, max: 1000 },
  discoveryIntervalMs: 60_000,
}

/** Checked, with defaults filled in. */
export interface ReadingOptions {
  readonly onGap: 'throw' | 'continue'
  readonly maxBufferedBytes: number
  readonly maxConcurrentReads: number
  readonly pageSize: number
  readonly idlePollMs: { readonly min: number; readonly max: number }
  readonly discoveryIntervalMs: number
  readonly unmarshallOptions: unmarshallOptions | undefined
}

/** @throws StreamError `options.invalid` for the first option that is out of its range. */
export function checkReadingOptions(options: Omit<CoordinatorOptions, 'streamArn'>): ReadingOptions {
  const { onGap = coordinatorDefaults.onGap, clock, idlePollMs = {}, signal } = options
  checkNames('idlePollMs', idlePollMs, ['min', 'max'])
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw invalidOption('signal', signal, 'an AbortSignal, such as the signal of an AbortController')
  }
  if (clock !== undefined && !isClock(clock)) {
    throw invalidOption('clock', clock, 'an object with now, monotonic and setTimer')
  }
  if (onGap !== 'throw' && onGap !== 'continue') throw invalidOption('onGap', onGap, "'throw' or 'continue'")
  const min = integer('idlePollMs.min', idlePollMs.min ?? coordinatorDefaults.idlePollMs.min, 0, 60_000)
  const defaultMax = Math.max(min, coordinatorDefaults.idlePollMs.max)
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
    idlePollMs: { min, max: integer('idlePollMs.max', idlePollMs.max ?? defaultMax, min, 60_000) },
    discoveryIntervalMs: integer(
      'discoveryIntervalMs',
      options.discoveryIntervalMs ?? coordinatorDefaults.discoveryIntervalMs,
      1_000,
      3_600_000,
    ),
    unmarshallOptions: options.unmarshallOptions,
  }
}

function isClock(clock: Clock): boolean {
  return [clock.now, clock.monotonic, clock.setTimer].every((member) => typeof member === 'function')
}
