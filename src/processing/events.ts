import { namesOf } from '../core/options.ts'
import type { DeadLetterCondition } from '../destinations/destination.ts'
import type { ParkReason } from './failure-policy.ts'
import type { StallReason } from './stall-watch.ts'

/** Identifies the record that an event is about, without any value of the item. */
export interface RecordReference {
  readonly shardId: string
  readonly sequenceNumber: string
  /** A hash of the item's primary key, as in dead letters. */
  readonly keyHash: string
}

/** A record was given up. */
export interface GivenUpEvent extends RecordReference {
  readonly condition: DeadLetterCondition
  /** The task that was given up, with a handler of the form `{ tasks }`. */
  readonly task?: string | undefined
}

/**
 * The events of a run of `processStream`. They never contain values of an item, nor the messages of a schema,
 * which can contain such values. `error` is what the handler threw, as it is.
 */
export interface ProcessingEvents {
  /** An attempt of a record, or of one of its tasks, has failed. */
  attemptFailed: RecordReference & {
    /** The attempt that failed, from 1. Attempts of earlier runs are included. */
    readonly attempt: number
    /**
     * What the handler threw; undefined if a batch handler has reported the failure in its response, and for
     * records that `reject` or a schema has given up, for which `deadLettered` or `discarded` follows.
     */
    readonly error: unknown
    /**
     * What follows: another attempt; another attempt without this one being counted; the record is parked; or
     * it is given up.
     */
    readonly verdict: 'retry' | 'wait' | 'park' | 'giveUp'
    /** The delay before the next attempt, in ms; undefined without another attempt. */
    readonly delayMs: number | undefined
    readonly task?: string | undefined
    /** What `retry.classify` or `retry.delayMs` threw, or an error about the value that it returned. */
    readonly callbackError?: unknown
  }
  /** The dead letter of a record, or of one of its tasks, was accepted by its destination. */
  deadLettered: GivenUpEvent
  /** A record, or one of its tasks, was given up without a dead letter, because of `'discard'`. */
  discarded: GivenUpEvent
  /**
   * A key is parked: the first of its records is in the parking store, and those that follow will be. Emitted
   * again if the key is parked again during its release.
   */
  parked: RecordReference & {
    /** Which threshold of `parking.after` was reached, or that the process ended during the last attempt. */
    readonly reason: ParkReason
    /** The number of attempts of the record that counted. */
    readonly attempts: number
  }
  /** A requested release of a parked key has started: its parked records are processed in order. */
  released: {
    readonly keyHash: string
    /** The number of records that are parked. */
    readonly records: number
  }
  /** The parked records of a key were dropped, as requested. */
  dropped: { readonly keyHash: string; readonly records: number }
  /** The parked records of a key are processed or dropped: the key is read from the stream again. */
  returned: { readonly keyHash: string }
  /** A call of the parking store has failed. It is repeated indefinitely. */
  parkingRetry: {
    /** The number of times that the call has failed in a row; 1 or more. */
    readonly attempt: number
    /** The delay before the next attempt, in ms. */
    readonly delayMs: number
    readonly error: unknown
  }
  /**
   * The run makes no progress: for `stallAfterMs` no record was settled although some are unsettled, or
   * reading was blocked and no record was taken. Emitted once, until `unstalled`.
   */
  stalled: {
    /** When progress was made last. */
    readonly since: Date
    readonly reason: StallReason
    /** The number of unsettled records. */
    readonly unsettled: number
    /** The hashes of the keys of the oldest unsettled records; at most 3. */
    readonly keys: readonly string[]
  }
  /** The run makes progress again, or was paused or stopped. */
  unstalled: {
    /** How long there was no progress, in ms. */
    readonly stalledForMs: number
  }
  /**
   * A handler call has not settled within `abandonAfterMs` after its signal aborted. Its keys and its slot
   * wait until it settles.
   */
  handlerAbandoned: {
    readonly shardId: string
    readonly sequenceNumbers: readonly string[]
    readonly runningForMs: number
  }
  /** A destination has not accepted a dead letter. Sending is retried indefinitely. */
  destinationRetry: {
    readonly shardId: string
    readonly sequenceNumber: string
    /** The number of times that sending has failed in a row; 1 or more. */
    readonly attempt: number
    /** The delay before the next attempt, in ms. */
    readonly delayMs: number
    readonly error: unknown
  }
  /**
   * An unsettled record is almost as old as the 24 hours for which DynamoDB Streams keeps records. It stays
   * in memory, but a restart after that time cannot read it again. Emitted once for each shard and record, at
   * an age of 20 hours.
   */
  retentionNear: { readonly shardId: string; readonly sequenceNumber: string; readonly ageMs: number }
  /** A token names a task that the handler no longer has. The task is no longer tracked for this record. */
  taskDropped: { readonly shardId: string; readonly sequenceNumber: string; readonly task: string }
}

/** The names of {@link ProcessingEvents}. */
export const processingEventNames: readonly (keyof ProcessingEvents & string)[] = namesOf<ProcessingEvents>({
  attemptFailed: true,
  deadLettered: true,
  discarded: true,
  parked: true,
  released: true,
  dropped: true,
  returned: true,
  parkingRetry: true,
  stalled: true,
  unstalled: true,
  handlerAbandoned: true,
  destinationRetry: true,
  retentionNear: true,
  taskDropped: true,
})
