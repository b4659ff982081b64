import type { Clock } from '../core/clock.ts'
import { isFifoQueue } from '../destinations/queue-url.ts'
import { HeldMessages, VISIBILITY_MS } from './held-messages.ts'
import type { LetterSource, StoredLetter } from './letter-source.ts'
import type { QueueClient } from './sqs-client.ts'

export interface SqsSourceOptions {
  readonly queue: QueueClient
  readonly clock: Clock
  /** A queue without messages for this long is considered empty, in ms. */
  readonly emptyAfterMs: number
}

/** The maximum number of letters in memory, and their maximum size in UTF-16 code units. */
const MAX_LETTERS = 10_000
const MAX_LENGTH = 128 * 1_048_576

/** How long SQS waits for a message, in seconds. Ctrl-C takes as long, because messages could get lost. */
const LONGEST_WAIT_SECONDS = 2

/**
 * The messages of a queue. A standard queue returns them in any order, so they are received until it is
 * empty, and hidden until they are handled. A FIFO queue returns no further messages of a group while earlier
 * ones are hidden, so it is asked again after those have been handled.
 */
export function sqsSource(queueUrl: string, options: SqsSourceOptions): LetterSource {
  const { queue, clock, emptyAfterMs } = options
  const isFifo = isFifoQueue(queueUrl)
  const held = new HeldMessages(queue, clock)
  let hasMore = true

  async function* letters(stop: AbortSignal): AsyncGenerator<StoredLetter> {
    let count = 0
    let length = 0
    let emptySince: number | undefined
    while (count < MAX_LETTERS && length < MAX_LENGTH && !stop.aborted) {
      const requestedAt = clock.monotonic()
      const remainingMs = emptyAfterMs - (requestedAt - (emptySince ?? requestedAt))
      // A FIFO queue need not be empty: what it has returned can be handled in order.
      const waitSeconds =
        isFifo && count > 0 ? 0 : Math.min(LONGEST_WAIT_SECONDS, Math.ceil(remainingMs / 1000))
      const messages = await queue.receive({ waitSeconds, visibilitySeconds: VISIBILITY_MS / 1000 })
      if (messages.length === 0) {
        if (isFifo && count > 0) return
        emptySince ??= requestedAt
        if (clock.monotonic() - emptySince < emptyAfterMs) continue
        hasMore = false
        return
      }
      emptySince = undefined
      // All are held before the first one is returned, so that all are released if an error follows.
      for (const { id, body } of messages.filter((message) => held.add(message, requestedAt))) {
        count++
        length += body.length
        yield { place: id, body }
      }
    }
  }

  return {
    letters,
    get hasMore() {
      return hasMore
    },
    handledBefore: 0,
    claim: (id) => held.claim(id),
    remove: (id) => held.delete(id),
    async close() {
      await held.release()
      queue.close()
    },
  }
}
