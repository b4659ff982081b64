import type { Checkpointer } from '../checkpoints/checkpointer.ts'
import type { StreamLag } from '../coordinator/lag.ts'
import type { Clock } from '../core/clock.ts'
import type { Delivery } from '../shards/shard-ledger.ts'
import type { CurrentStream } from './current-stream.ts'
import type { DeliveryQueue } from './delivery-queue.ts'

/**
 * A run of `processStream`, as the stream sees it.
 *
 * @internal
 */
export interface AttachedRun {
  /** Stops the run: it takes no more records, drains, saves and detaches. Must not throw. */
  stop(): void
  /** Settles when the run has ended, whether or not with an error. */
  readonly finished: Promise<void>
}

/**
 * The records of a stream for a run, which settles them in any order. While a run is attached, nothing else
 * can read the stream or change its position.
 *
 * When the stream is closed or its `signal` aborts, the run is stopped; reading ends at once, and the
 * checkpoint can be saved until the run has detached or finished. The run then finds no more records, as at
 * the end of the stream.
 *
 * @internal
 */
export interface RecordSource {
  /** The ARN of the stream that is being read. It changes when {@link advance} opens the next stream. */
  readonly streamArn: string
  /** The name of the checkpoint; undefined without one. */
  readonly name: string | undefined
  /** The fencing number of the lease; undefined without a checkpoint or if the store has no leases. */
  readonly epoch: number | undefined
  /** Aborts when saving has stopped for good. The reason is the error, usually `checkpoint.conflict`. */
  readonly lost: AbortSignal
  /**
   * Whether a record may be delivered now. If not, {@link lost} has aborted, or a lease is being renewed
   * after a suspension: {@link renewed} then resolves afterwards.
   */
  readonly mayDeliver: boolean
  /** Resolves when the lease has been renewed or lost, or when `signal` aborts. */
  renewed(signal: AbortSignal): Promise<void>
  /**
   * Returns the next record, or undefined if none is available now. Records that an earlier loop or run left
   * unsettled come first. Throws the errors that a loop rejects with.
   */
  take(): Delivery | undefined
  /**
   * Waits until {@link take} may return a record, {@link isEnded} may have become true, or `signal` aborts.
   */
  wait(signal: AbortSignal): Promise<void>
  /** Whether `take` returns no more records, because the stream has ended or is being closed. */
  readonly isEnded: boolean
  /**
   * Continues with the table's next stream, for which it waits. Call it only when the stream has ended and
   * every record of it is settled, because the token then refers only to the next stream.
   *
   * Resolves to false if there will be no more records: without `followTable`, or when the stream is being
   * closed. Resolves to true when the next stream is open, and if `signal` aborts.
   */
  advance(signal: AbortSignal): Promise<boolean>
  /** Reports that `count` more records are settled, after which the checkpoint may be due. */
  settled(count: number): void
  /** Reports that the token has changed although no record was settled; it is saved within `everyMs`. */
  changed(): void
  /**
   * Saves the checkpoint now, and resolves when everything settled or changed before this call is saved.
   * Rejects with `checkpoint.failed` if no save succeeds within 10 s or before `signal` aborts, although
   * saving continues to be retried, and with `checkpoint.conflict` if the lease was lost.
   */
  save(signal?: AbortSignal): Promise<void>
  /**
   * Saves nothing any more, and lets {@link lost} abort with this error: another worker has replaced this
   * one. Closing the stream does not save the checkpoint either.
   */
  abandon(error: unknown): void
  /** How many saves have succeeded and failed since the stream was opened. */
  readonly saveCounts: { readonly saved: number; readonly failed: number }
  /** The clock and the random numbers of the stream. */
  readonly clock: Clock
  readonly random: () => number
  /** The ids of the ancestors of a shard, as far as they are known. */
  ancestorsOf(shardId: string): Iterable<string>
  /** Whether the table's next stream is read after this one. */
  readonly canAdvance: boolean
  /** The number of records that the loaded token names as unsettled and that were trimmed. */
  readonly lostUnsettled: number
  /** How far processing is behind the stream; unsettled records count as unprocessed. */
  readonly lag: StreamLag
  /**
   * Ends the run's use of the stream, which another loop or run can then read. Idempotent.
   *
   * @param unsettled - the records that the run has taken and not settled, in the order in which they were
   * taken. They are redelivered to the next loop or run before all others.
   */
  detach(unsettled?: Iterable<Delivery>): void
}

/** The parts of a stream that a run uses while it is attached. */
export interface RecordSourceParts {
  readonly current: CurrentStream
  readonly checkpointer: Checkpointer | undefined
  readonly deliveries: DeliveryQueue
  readonly clock: Clock
  readonly random: () => number
  /** Called with an error of the checkpoint that the run reports, so that `close` does not throw it too. */
  onThrown(error: unknown): void
  onDetach(): void
}

/**
 * Creates the source of an attached run. It takes over the records that are waiting in the delivery queue.
 *
 * @internal
 */
export function createRecordSource(parts: RecordSourceParts): RecordSource {
  const { current, checkpointer, deliveries } = parts
  const lost = checkpointer?.lost ?? new AbortController().signal
  /** The last one is next, so that those that were taken are not kept in memory. */
  const redelivered = deliveries.removeAll().reverse()
  let isDetached = false

  const onLost = () => parts.onThrown(lost.reason)
  if (lost.aborted) onLost()
  else lost.addEventListener('abort', onLost, { once: true })

  const isOver = () => isDetached || current.isClosed
  const hasRedelivered = () => redelivered.length > 0

  return {
    get streamArn() {
      return current.streamArn
    },
    name: checkpointer?.name,
    epoch: checkpointer?.epoch,
    lost,
    get mayDeliver() {
      return checkpointer?.mayDeliver ?? true
    },
    async renewed(signal) {
      await checkpointer?.renewed(signal)
    },
    take() {
      const mayDeliver = checkpointer?.mayDeliver ?? true
      lost.throwIfAborted()
      if (isOver() || !mayDeliver) return undefined
      return redelivered.pop() ?? current.takeAvailable()
    },
    async wait(signal) {
      if (checkpointer && !checkpointer.mayDeliver) await checkpointer.renewed(signal)
      else if (!isOver() && !hasRedelivered() && !current.hasEnded) await current.wait(signal)
    },
    get isEnded() {
      return isOver() || (!hasRedelivered() && current.hasEnded)
    },
    async advance(signal) {
      return isOver() ? false : current.advance(signal)
    },
    settled: (count) => checkpointer?.recordsProcessed(count),
    changed: () => checkpointer?.positionChanged(),
    async save(signal) {
      try {
        await checkpointer?.flush(signal)
      } catch (error) {
        parts.onThrown(error)
        throw error
      }
    },
    abandon: (error) => checkpointer?.fail(error),
    get saveCounts() {
      return checkpointer?.saveCounts ?? { saved: 0, failed: 0 }
    },
    clock: parts.clock,
    random: parts.random,
    ancestorsOf: (shardId) => current.ancestorsOf(shardId),
    canAdvance: current.canAdvance,
    get lostUnsettled() {
      return current.lostUnsettled
    },
    get lag() {
      return current.lag()
    },
    detach(unsettled = []) {
      if (isDetached) return
      isDetached = true
      lost.removeEventListener('abort', onLost)
      for (const delivery of unsettled) if (!delivery.isSettled) deliveries.add(delivery)
      for (const delivery of redelivered.reverse()) deliveries.add(delivery)
      parts.onDetach()
    },
  }
}
