import type { DynamoDBStream } from '../../../src/index.ts'
import type { Expectation } from './expectation.ts'
import type { Process } from './process.ts'

/** A stream that is open, or was, and what was done to it. */
export interface Running {
  readonly stream: DynamoDBStream
  readonly process: Process
  readonly expectation: Expectation
  abort(): void
  readonly isAborted: boolean
  /** `close()`, once it was called. */
  closing: Promise<void> | undefined
  /** Whether it gave its consumer the end, or an error after which nothing comes. */
  isOver: boolean
  /** Whether a loop has thrown an error of the checkpoint. */
  hasThrown: boolean
}
