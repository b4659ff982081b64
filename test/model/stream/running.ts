import type { DynamoDBStream } from '../../../src/index.ts'
import type { Expectation } from './expectation.ts'
import type { Process } from './process.ts'

/** A stream that was opened, and what has happened to it. */
export interface Running {
  readonly stream: DynamoDBStream
  readonly process: Process
  readonly expectation: Expectation
  abort(): void
  readonly isAborted: boolean
  /** The promise of `close()`, once it was called. */
  closing: Promise<void> | undefined
  /** Whether iteration has ended, or failed with an error after which nothing is delivered. */
  isOver: boolean
  /** Whether a loop has thrown an error of the checkpoint. */
  hasThrown: boolean
}
