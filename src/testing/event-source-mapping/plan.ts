/** Records that Lambda passes to the function together, with the attempts so far. */
export interface Batch<Item> {
  readonly items: readonly Item[]
  /** Retries of an unchanged batch have the same one. */
  readonly requestId: string
  /** Invocations that failed and count as attempts. */
  readonly failures: number
  /** Invocations that were throttled. They do not count as attempts. */
  readonly throttles: number
}

/** How an invocation has ended, as far as the next one depends on it. */
export type BatchOutcome =
  | { readonly kind: 'success' }
  | { readonly kind: 'throttled' }
  /** `first` is the index of the first failed record: 0 if the whole batch has failed. */
  | { readonly kind: 'failure'; readonly first: number }

/** The parameters of a mapping that decide what follows a failure. */
export interface RetryRules {
  readonly bisects: boolean
  /** -1: retry indefinitely. */
  readonly maxRetries: number
}

/** What follows an invocation. */
export interface BatchPlan<Item> {
  readonly handled: readonly Item[]
  /** Records that are given up, because their retries are used up. */
  readonly exhausted: readonly Item[]
  /** The batches to invoke next, in order, before any other record of the lane. */
  readonly next: readonly Batch<Item>[]
  /** The number of invocations of the first batch after which it must wait; 0 to invoke it at once. */
  readonly waitsAfter: number
}

const nothing = { handled: [], exhausted: [], next: [], waitsAfter: 0 }

/**
 * Decides what follows an invocation, as Lambda does (as recorded from the service; its documentation does
 * not describe the order):
 *
 * - a batch whose first records are done continues as a new batch, with a new budget of retries;
 * - with bisecting, a batch of two or more is split at once, the left half first, and spends no retry;
 * - otherwise the batch is retried as a whole and, when its retries are used up, given up as a whole.
 *
 * @param createBatch - creates a batch with a new request id.
 */
export function planNext<Item>(
  batch: Batch<Item>,
  outcome: BatchOutcome,
  { bisects, maxRetries }: RetryRules,
  createBatch: (items: readonly Item[]) => Batch<Item>,
): BatchPlan<Item> {
  const { items } = batch
  if (outcome.kind === 'success') return { ...nothing, handled: items }
  if (outcome.kind === 'throttled') return retry({ ...batch, throttles: batch.throttles + 1 })
  if (outcome.first > 0) {
    const handled = items.slice(0, outcome.first)
    return { ...nothing, handled, next: [createBatch(items.slice(outcome.first))] }
  }
  if (bisects && items.length > 1) {
    const middle = Math.floor(items.length / 2)
    const halves = [items.slice(0, middle), items.slice(middle)]
    return { ...nothing, next: halves.map(createBatch) }
  }
  if (maxRetries >= 0 && batch.failures >= maxRetries) return { ...nothing, exhausted: items }
  return retry({ ...batch, failures: batch.failures + 1 })
}

function retry<Item>(batch: Batch<Item>): BatchPlan<Item> {
  return { ...nothing, next: [batch], waitsAfter: batch.failures + batch.throttles }
}
