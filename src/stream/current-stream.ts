import type { Coordinator } from '../coordinator/coordinator.ts'
import type { StreamLag } from '../coordinator/lag.ts'
import { abortable } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import type { Position } from '../position/position.ts'
import type { StreamToken } from '../position/token.ts'
import type { Delivery } from '../shards/shard-ledger.ts'

/** The dependencies of a {@link CurrentStream}. */
export interface CurrentStreamParts {
  readonly coordinator: Coordinator
  /** How many unsettled records of the loaded token were in a stream that no longer exists. */
  readonly lost: number
  readonly clock: Clock
  /**
   * Waits for the table's next stream after `streamArn` and returns a Coordinator for it, or undefined if the
   * wait is aborted.
   */
  readonly follow: ((streamArn: string, signal: AbortSignal) => Promise<Coordinator | undefined>) | undefined
  /** Called after a move, and after reading has continued with the table's next stream. Must not throw. */
  onPositionChanged(): void
}

/**
 * The stream that is being read. With `followTable`, its Coordinator is replaced by that of the table's next
 * stream.
 *
 * @internal
 */
export class CurrentStream {
  readonly #parts: CurrentStreamParts
  #coordinator: Coordinator
  readonly #closing = new AbortController()
  /** The records that were lost in earlier streams of the table. */
  #lostBefore: number
  /** Aborts the wait for the table's next stream. */
  #following: AbortController | undefined
  /** The moves in flight. */
  readonly #moves = new Set<Promise<void>>()

  constructor(parts: CurrentStreamParts) {
    this.#parts = parts
    this.#coordinator = parts.coordinator
    this.#lostBefore = parts.lost
  }

  get streamArn(): string {
    return this.#coordinator.streamArn
  }

  get token(): StreamToken {
    return this.#coordinator.token
  }

  lag(): StreamLag {
    return this.#coordinator.lag()
  }

  /** Whether the stream is disabled and all of its records have been taken. */
  get hasEnded(): boolean {
    return this.#coordinator.ended
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Whether the table's next stream is read after this one. */
  get canAdvance(): boolean {
    return this.#parts.follow !== undefined
  }

  /** The ids of the ancestors of a shard, as far as they are known. */
  ancestorsOf(shardId: string): Iterable<string> {
    return this.#coordinator.ancestorsOf(shardId)
  }

  /** The number of unsettled records of loaded tokens that were trimmed, in all streams read so far. */
  get lostUnsettled(): number {
    return this.#lostBefore + this.#coordinator.lostUnsettled
  }

  /** Whether a move is in flight. */
  get isMoving(): boolean {
    return this.#moves.size > 0
  }

  /** Returns the next record, which the caller must settle; undefined if none can be delivered now. */
  takeAvailable(): Delivery | undefined {
    return this.#coordinator.takeAvailable()
  }

  /**
   * Waits until there may be new records, the stream is closed, `signal` or `lost` aborts, or the time is
   * `until` (monotonic ms).
   */
  async wait(signal: AbortSignal, until?: number, lost?: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    // Not AbortSignal.any: on Node 20 a long-lived signal retains every signal that is derived from it.
    const wakeUp = new AbortController()
    const stop = () => wakeUp.abort()
    signal.addEventListener('abort', stop)
    lost?.addEventListener('abort', stop)
    const cancelTimer =
      until === undefined ? undefined : clock.setTimer(Math.max(0, until - clock.monotonic()), stop)
    try {
      if (!signal.aborted && !lost?.aborted) await this.#coordinator.progress(wakeUp.signal)
    } catch (error) {
      if (!this.isClosed) throw error
    } finally {
      cancelTimer?.()
      signal.removeEventListener('abort', stop)
      lost?.removeEventListener('abort', stop)
    }
  }

  /**
   * Continues with the table's next stream after this one has ended. Resolves to false without `followTable`,
   * and after the stream was closed. Resolves to true, without a next stream, if `signal` or `lost` aborts or
   * a move takes effect.
   */
  async advance(returned: AbortSignal, lost?: AbortSignal): Promise<boolean> {
    const signal = lost ? AbortSignal.any([returned, lost]) : returned
    const previous = this.#coordinator
    const moved = new AbortController()
    this.#following = moved
    const abandoned = AbortSignal.any([signal, this.#closing.signal, moved.signal])
    const next = await this.#parts.follow?.(previous.streamArn, abandoned)
    // Wait for moves in flight: one that succeeds takes precedence over the next stream.
    await abortable(Promise.allSettled(this.#moves), signal).catch(() => {})
    if (this.#following === moved) this.#following = undefined
    if (this.isClosed || moved.signal.aborted || signal.aborted) {
      await next?.close()
      return !this.isClosed
    }
    if (!next) return false
    this.#lostBefore += previous.lostUnsettled
    this.#coordinator = next
    await previous.close()
    this.#parts.onPositionChanged()
    return true
  }

  /**
   * Moves to another position. If the move fails, the previous position remains in effect.
   *
   * @param onMoved - called synchronously when the position takes effect, because a record from the new
   * position may be delivered immediately after it. Must not throw.
   */
  async moveTo(position: Position, onMoved: () => void): Promise<void> {
    const move = this.#coordinator.moveAndThen(position, () => {
      onMoved()
      this.#following?.abort()
    })
    this.#moves.add(move)
    try {
      await move.catch(rethrow)
    } finally {
      this.#moves.delete(move)
    }
    this.#parts.onPositionChanged()
  }

  heartbeat(): Promise<void> {
    return this.#coordinator.heartbeat().catch(rethrow)
  }

  /** Stops reading. The {@link token} remains available. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#coordinator.close()
  }
}

/** Rethrows an error of the Coordinator. The caller knows only the stream, so `closed` is about that. */
function rethrow(error: unknown): never {
  throw isStreamError(error, 'closed') ? new StreamError('closed', 'The stream was closed.', {}) : error
}
