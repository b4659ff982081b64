import type { StreamRecord } from '../records/stream-record.ts'

/**
 * Why a record was given up:
 *
 * - `RetryAttemptsExhausted`: every attempt failed;
 * - `RecordAgeExceeded`: the record became older than `retry.maxRecordAgeMs`;
 * - `Rejected`: the handler, or `retry.classify`, rejected it;
 * - `Invalid`: it does not match the schema;
 * - `WorkerLost`: the process ended during its last attempt.
 *
 * The first two are what an event source mapping of AWS Lambda writes for a DynamoDB stream; the others are
 * words of this library, in the same place.
 */
export type DeadLetterCondition =
  | 'RetryAttemptsExhausted'
  | 'RecordAgeExceeded'
  | 'Rejected'
  | 'Invalid'
  | 'WorkerLost'

/** A description of what the last attempt threw, which may be any value. */
export interface DeadLetterError {
  /** The error's name, or `NonError` if what was thrown is not an error. */
  readonly name: string
  /** The error's message, of at most 1 kB. It can contain values of the item. */
  readonly message: string
  /** The error's code, such as `ECONNREFUSED`, if it has one. */
  readonly code?: string
}

/** How a record failed, in addition to what Lambda's invocation record says. */
export interface DeadLetterFailure {
  /** Why the record was given up, of at most 1 kB. It can contain values of the item. */
  readonly reason: string
  /**
   * The error of the last attempt. After `context.reject(reason)` of a record or task, it is a `RejectError`
   * with the reason as its message. Missing for the conditions `Invalid` and `WorkerLost`, and if a batch
   * handler reported the failure: in `batchItemFailures`, or with `reject(record, reason)`.
   */
  readonly error?: DeadLetterError
  /**
   * The number of attempts that counted, over all runs; 0 or more. Attempts with the verdict `'wait'` do not
   * count, nor do those that were given back: because the run stopped, or because a batch of several records
   * failed as a whole.
   */
  readonly attempts: number
  /** When the first attempt failed. */
  readonly firstFailedAt: Date
  /** When the last attempt failed, or when the record was given up without one. */
  readonly lastFailedAt: Date
  /** The task that was given up, if the handler has tasks. */
  readonly task?: string
  /** A hash of the item's primary key: letters of the same item have the same one. */
  readonly keyHash: string
}

/**
 * The invocation record of a dead letter: the JSON object that Lambda sends to a failure destination, with
 * the members in Lambda's order, and `failure`, which Lambda does not have.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 */
export interface InvocationRecord {
  readonly requestContext: {
    /** The {@link DeadLetter.id} of the letter. */
    readonly requestId: string
    /**
     * With `lambdaHandler`, the ARN with which the function was invoked. Otherwise the `name` of the run:
     * there is no function, and an ARN that is made up could be that of an unrelated one.
     */
    readonly functionArn: string
    readonly condition: DeadLetterCondition
    /** The same as `failure.attempts`, but at least 1, as in Lambda. */
    readonly approximateInvokeCount: number
  }
  /**
   * Missing for the condition `RecordAgeExceeded`, also if attempts have failed before, and for `Invalid`: no
   * response of the handler is the reason.
   */
  readonly responseContext?: {
    readonly statusCode: 200
    readonly executedVersion: '$LATEST'
    /** `null` if the handler named the record in `batchItemFailures`, otherwise `Unhandled`. */
    readonly functionError: 'Unhandled' | null
  }
  readonly version: '1.0'
  /** The event that Lambda would pass to a function, `{"Records":[…]}`, as a JSON string. */
  readonly payload: string
  /** When the record was given up, in ISO 8601 format. */
  readonly timestamp: string
  readonly DDBStreamBatchInfo: {
    readonly shardId: string
    readonly startSequenceNumber: string
    readonly endSequenceNumber: string
    readonly approximateArrivalOfFirstRecord: string
    readonly approximateArrivalOfLastRecord: string
    readonly batchSize: number
    readonly streamArn: string
  }
  /** {@link DeadLetterFailure}, with the times in ISO 8601 format. */
  readonly failure: Omit<DeadLetterFailure, 'firstFailedAt' | 'lastFailedAt'> & {
    readonly firstFailedAt: string
    readonly lastFailedAt: string
  }
}

/** A record that was given up, with its failure. */
export interface DeadLetter {
  /**
   * Identifies the letter: a UUID derived from the name of the run, the stream, the shard, the sequence
   * number, the task and the condition. If a letter is sent again after a crash, it has the same id.
   */
  readonly id: string
  /** The record that was given up. There is always exactly one. */
  readonly records: readonly StreamRecord[]
  /** Why the record was given up. */
  readonly condition: DeadLetterCondition
  /** How the record failed. */
  readonly failure: DeadLetterFailure
  /** Returns the invocation record that Lambda would send, with the record in `payload`, and `failure`. */
  invocationRecord(): InvocationRecord
}

/** Where dead letters are sent, as an object. */
export interface DestinationObject {
  /**
   * Stores a letter. Resolves once it is stored durably: the checkpoint then passes the record. If it
   * rejects, the letter is sent again, until it is accepted. A letter can also be sent again after a crash,
   * with the same {@link DeadLetter.id}.
   */
  send(letter: DeadLetter): Promise<void>
  /** Rejects if letters cannot be sent, for example because the target does not exist. */
  check?(): Promise<void>
  /**
   * Releases what the destination holds, such as connections. A run calls it when it ends, waits for up to 2
   * seconds, and ignores errors. It can be called more than once. Letters must be accepted again afterwards,
   * because several runs can share a destination: one that cannot do so must not have this method.
   */
  close?(): Promise<void>
}

/** Where dead letters are sent: an object, or only its function `send`. */
export type Destination = ((letter: DeadLetter) => Promise<void>) | DestinationObject

/** Returns the destination as an object. */
export function toDestinationObject(destination: Destination): DestinationObject {
  return typeof destination === 'function' ? { send: destination } : destination
}
