import type { CheckpointStore } from '../checkpoints/store.ts'
import { type CoordinatorOptions, coordinatorOptionNames } from '../coordinator/options.ts'
import { namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import type { Position } from '../position/position.ts'
import type { StreamEvents } from './events.ts'

/** Options of the checkpoint: where and how often the position is saved. */
export interface CheckpointOptions {
  /**
   * The store, such as `fileCheckpointStore`, `memoryCheckpointStore` or `dynamoDBCheckpointStore`, or any
   * object that implements {@link CheckpointStore}.
   */
  readonly store: CheckpointStore
  /**
   * The name that the position is saved under; a well-formed string of 1 to 255 characters. Streams that
   * share a store must use different names.
   */
  readonly name: string
  /**
   * Save after this many acknowledged records; 1 to 1,000,000. While the JSON of the token is longer than
   * 8,192 characters, as with more than about 50 shards, the checkpoint is saved only every `everyMs`.
   * @default 1000
   */
  readonly everyRecords?: number | undefined
  /**
   * Save no later than this long after the position has changed, in ms; 10 to 3,600,000.
   * @default 5000
   */
  readonly everyMs?: number | undefined
  /**
   * Waits while another worker is active, and takes over when it has stopped or failed: `openStream` is
   * pending until then, and emits `standby` when the wait starts and `leaseAcquired` at its end. `signal`
   * ends the wait; `connectTimeoutMs` applies only to the first response of the store. The lease of the
   * active worker must be renewed within `leaseMs`; the worker stops with `checkpoint.failed` if that is
   * impossible.
   *
   * Without it, a worker takes over at once, from workers with and without `standby`, and its own lease has
   * no time limit: a standby worker does not take it over when it has failed. So set it for all workers that
   * share a checkpoint. Requires a store with `leaseState`, such as `dynamoDBCheckpointStore`.
   *
   * A worker that was suspended can finish one side effect after another one has taken over. Make effects
   * conditional on `DynamoDBStream.epoch`, or `epoch` in the context of a handler, if that would do harm.
   * @default false
   */
  readonly standby?: boolean | undefined
  /**
   * The time limit of the lease with `standby`, in ms; 500 to 600,000. The lease is renewed every third of
   * it. After the active worker was killed, another one takes over after 0.6 to 1.4 times this time. If the
   * process is suspended or its event loop blocked for more than half of it, the lease can end, and so can it
   * if the system clock is set forward by that time.
   * @default 15000
   */
  readonly leaseMs?: number | undefined
}

/**
 * The defaults of {@link CheckpointOptions}. Leader election in Kubernetes has the same default of 15 s:
 * longer than most pauses of a process and most failures of a network, and cheap to renew.
 */
export const checkpointDefaults = { everyRecords: 1_000, everyMs: 5_000, leaseMs: 15_000 } as const

/**
 * Options of {@link openStream}: those of the `Coordinator`, and those below. Exactly one of `streamArn` and
 * `tableName` is required, which is checked at run time.
 */
export interface OpenStreamOptions extends Omit<CoordinatorOptions, 'streamArn'> {
  /** The ARN of the stream to read. Cannot be combined with `tableName`. */
  readonly streamArn?: string | undefined
  /**
   * The name of the table whose latest stream is read; the stream is looked up with DescribeTable. Cannot be
   * combined with `streamArn`.
   */
  readonly tableName?: string | undefined
  /**
   * The SDK's `DynamoDBClient`. Used only with `tableName`.
   * @default a client with the region and the credentials of the environment, which is destroyed on `close()`
   */
  readonly tableClient?: SdkClient | undefined
  /**
   * Continues with the table's next stream after the current one was disabled and has been read to its end.
   * Requires `tableName`. The next stream is found with ListStreams. If `client` is a `StreamsApi`, which has
   * no such call, reading continues with the table's latest stream.
   * @default false
   */
  readonly followTable?: boolean | undefined
  /**
   * The position to start at if the store has no checkpoint under the given name.
   * @default 'trim_horizon'
   */
  readonly startAt?: Position | undefined
  /**
   * How long to wait for the first response, in ms; 1 to 3,600,000, or 0 for no limit. It applies separately
   * to the lookup of the table, to the stream and to the checkpoint store. If the checkpoint store creates
   * its table, that must be complete within this time. After the first response, failed calls are retried
   * indefinitely.
   * @default 30000
   */
  readonly connectTimeoutMs?: number | undefined
  /**
   * Stops the stream when it aborts. A loop then ends without an error, a run of `processStream` drains, the
   * last checkpoint is saved, and the stream is closed. If the stream is not open yet, `openStream` rejects
   * with `signal.reason`, so a program that may be stopped while it connects must catch it:
   *
   * ```ts
   * try {
   *   await using stream = await openStream({ tableName: 'orders', signal })
   *   for await (const record of stream) console.log(record.keys)
   * } catch (error) {
   *   if (error !== signal.reason) throw error
   * }
   * ```
   */
  readonly signal?: AbortSignal | undefined
  /** Saves the position. Without it, nothing is saved; `stream.token` is the current position. */
  readonly checkpoint?: CheckpointOptions | undefined
  /**
   * Event listeners by event name, like those added with `DynamoDBStream.on`. They also receive events that
   * are emitted while the stream is being opened, such as `retry`. A listener that throws causes an uncaught
   * exception, and an async listener that rejects causes an unhandled rejection; `openStream` does not reject
   * with the error.
   */
  readonly listeners?:
    | { readonly [Name in keyof StreamEvents]?: ((event: StreamEvents[Name]) => void) | undefined }
    | undefined
}

/** The defaults of {@link OpenStreamOptions}. */
export const openStreamDefaults = { startAt: 'trim_horizon', connectTimeoutMs: 30_000 } as const

/** The names of {@link OpenStreamOptions}. */
export const openStreamOptionNames: readonly string[] = [
  ...namesOf<Omit<OpenStreamOptions, Exclude<keyof CoordinatorOptions, 'streamArn'>>>({
    tableName: true,
    streamArn: true,
    startAt: true,
    checkpoint: true,
    tableClient: true,
    followTable: true,
    connectTimeoutMs: true,
    listeners: true,
  }),
  ...coordinatorOptionNames.filter((name) => name !== 'streamArn'),
]

/** The names of {@link CheckpointOptions}. */
export const checkpointOptionNames: readonly string[] = namesOf<CheckpointOptions>({
  store: true,
  name: true,
  everyRecords: true,
  everyMs: true,
  standby: true,
  leaseMs: true,
})
