import type { CheckpointStore } from '../checkpoints/store.ts'
import { type CoordinatorOptions, coordinatorOptionNames } from '../coordinator/options.ts'
import { namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import type { Position } from '../position/position.ts'
import type { StreamEvents } from './events.ts'

/** Where and how often the position is saved. */
export interface CheckpointOptions {
  readonly store: CheckpointStore
  /** The name that the position is saved under: one for each worker. 1 to 255 characters. */
  readonly name: string
  /**
   * Save after so many records done; 1 to 1 000 000.
   * @default 1000
   */
  readonly everyRecords?: number | undefined
  /**
   * Save at the latest so long after a record was done, in ms; 10 to 3 600 000.
   * @default 5000
   */
  readonly everyMs?: number | undefined
}

/** The defaults of {@link CheckpointOptions}. */
export const checkpointDefaults = { everyRecords: 1_000, everyMs: 5_000 } as const

/** Options of {@link openStream}: exactly one of `streamArn` and `tableName` (checked at run time), and how to read. */
export interface OpenStreamOptions extends Omit<CoordinatorOptions, 'streamArn'> {
  /** The ARN of the stream to read. Not together with `tableName`. */
  readonly streamArn?: string | undefined
  /** The name of the table whose latest stream to read; it is looked up with DescribeTable. Not together with `streamArn`. */
  readonly tableName?: string | undefined
  /**
   * The SDK's `DynamoDBClient`, used with `tableName` only.
   * @default a client with the region and the credentials of the environment
   */
  readonly tableClient?: SdkClient | undefined
  /**
   * With `tableName`: when streaming was switched off and on again, read the old stream to its end and go on with the next,
   * which is found with ListStreams. With a `StreamsApi` as client, which has no such call, it goes on with the latest.
   * @default false
   */
  readonly followTable?: boolean | undefined
  /**
   * Where to begin when there is no checkpoint yet.
   * @default 'trim_horizon'
   */
  readonly startAt?: Position | undefined
  /**
   * How long to wait, in ms, for the first response of the table, of the stream, and for the checkpoint store, each; 1 to
   * 3 600 000, or 0 without a limit. A new table of a checkpoint store must be ready by then. Once there was a response, calls
   * that fail are repeated for as long as it takes.
   * @default 30000
   */
  readonly connectTimeoutMs?: number | undefined
  /** Without it no position is saved; `stream.token` has it. */
  readonly checkpoint?: CheckpointOptions | undefined
  /**
   * Listeners by the name of their event, as for `on` of the stream; they also receive what happens while the stream is being
   * opened, such as `retry`. A listener that throws, or an async one that rejects, ends the process as any uncaught exception
   * or unhandled rejection does; `openStream` does not reject with its error.
   */
  readonly listeners?:
    | { readonly [Name in keyof StreamEvents]?: ((event: StreamEvents[Name]) => void) | undefined }
    | undefined
}

/** The defaults of {@link OpenStreamOptions}. */
export const openStreamDefaults = { startAt: 'trim_horizon', connectTimeoutMs: 30_000 } as const

/** The names of {@link OpenStreamOptions} and of {@link CheckpointOptions}. */
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

export const checkpointOptionNames: readonly string[] = namesOf<CheckpointOptions>({
  store: true,
  name: true,
  everyRecords: true,
  everyMs: true,
})
