import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Emitter } from '../core/emitter.ts'
import type { ServiceClock } from '../core/service-clock.ts'
import { type ReaderOptions, ShardReader } from '../reader/shard-reader.ts'
import { hasStartedDescendant, planShard } from '../shards/parents-first.ts'
import { isCertainlyWhole, RETENTION_MS } from '../shards/retention.ts'
import type { NewShardStart } from '../shards/seek.ts'
import { OLDEST_RETAINED, type ShardNode } from '../shards/shard.ts'
import type { ShardForest } from '../shards/shard-forest.ts'
import type { CoordinatorEvents } from './events.ts'
import type { Frontier } from './frontier.ts'

/** The service truncates its times to the second. */
const SERVICE_TIME_STEP_MS = 1_000

/** How many shards are planned before the event loop gets a turn. */
const SHARDS_PER_TURN = 1_000

export interface SequencerOptions {
  readonly forest: ShardForest
  readonly frontier: Frontier
  readonly serviceClock: ServiceClock
  readonly events: Emitter<CoordinatorEvents>
  readonly timeGranularityMs: number
  readonly onReaderChange: ReaderOptions['onChange']
  readonly listener: SequencerListener
}

export interface SequencerListener {
  /** A shard has to be read from now on. */
  onOpened(reader: ShardReader): void
  /** The records of a shard can be delivered from now on. */
  onReleased(reader: ShardReader): void
  /** All records of a shard were delivered. */
  onFinished(reader: ShardReader): void
  /** A shard was trimmed before any listing showed it. */
  onTrimmedUnlisted(shardId: string): void
  /** A shard was read to its end, and none of its children is known. */
  onChildrenWanted(node: ShardNode): void
}

/**
 * Decides in which order shards are read. It opens a shard once all of its ancestors have been fetched, holds
 * back the records of a child until those of its parent are delivered, and determines where each child
 * starts.
 *
 * @internal
 */
export class ShardSequencer {
  readonly #options: SequencerOptions
  readonly #readers = new Map<ShardNode, ShardReader>()
  /** Known shards that have not been started. */
  readonly #unread = new Set<ShardNode>()
  /** Shards whose records are held back. */
  readonly #held = new Set<ShardNode>()
  /** Where to start in a new shard without a known parent; undefined until reading has started. */
  #newShardStart: NewShardStart | undefined
  /** Shards created after this time (ms) did not exist when the position was taken. */
  #newestKnown = Number.POSITIVE_INFINITY
  /** When the position was taken (ms, the service's time). */
  #positionTakenAt = 0
  /** The shards reported by `onTrimmedUnlisted`. */
  readonly #trimmedUnlisted = new Set<string>()

  constructor(options: SequencerOptions) {
    this.#options = options
  }

  get readers(): ReadonlyMap<ShardNode, ShardReader> {
    return this.#readers
  }

  /** Whether all records of every known shard were delivered. */
  get isFinished(): boolean {
    return this.#readers.size === 0 && this.#unread.size === 0
  }

  /**
   * Starts reading, once the shards are listed and the position is applied to the forest.
   *
   * @param newShardStart - where to start in a shard that has no known parent and is listed later.
   * @param newestKnown - shards created after this time (ms) did not exist when the position was taken.
   */
  async start(newShardStart: NewShardStart, newestKnown: number | undefined): Promise<void> {
    const { forest, frontier, serviceClock } = this.#options
    this.#positionTakenAt = serviceClock.now()
    this.#newShardStart = newShardStart
    this.#newestKnown = newestKnown ?? Number.POSITIVE_INFINITY
    const finished: ShardNode[] = []
    for (const node of forest.nodes()) {
      if (node.state === 'unread') this.#unread.add(node)
      else finished.push(node)
      frontier.add(node)
    }
    let planned = 0
    for (const node of [...this.#unread]) {
      if (this.#unread.has(node)) this.#plan(node)
      if (++planned % SHARDS_PER_TURN === 0) await nextTurn()
    }
    this.#advance(finished)
    frontier.pruneAll()
  }

  /** Adds shards that a listing has shown for the first time. */
  addDiscovered(fresh: readonly ShardNode[]): void {
    if (this.#newShardStart === undefined) return
    const { events, forest, frontier } = this.#options
    const unknown = new Set(fresh.filter((node) => !node.isStarted))
    for (const node of unknown) {
      const parent = forest.parentOf(node)
      // If the parent is new too, the start of the child is determined when it is opened.
      node.start = parent && !unknown.has(parent) ? parent.childStart : this.#newShardStart
    }
    for (const node of unknown) {
      if (hasStartedDescendant(node)) this.#finishIfBeforePosition(node)
      else {
        this.#unread.add(node)
        frontier.add(node)
      }
    }
    events.emit('shardsDiscovered', { shardIds: fresh.map((node) => node.shardId) })
    // A missing parent may be on a later page, so its children are planned when the listing is complete.
    for (const node of fresh) {
      if (this.#unread.has(node) && !forest.missingParentOf(node)) this.#plan(node)
    }
  }

  /** Plans all waiting shards. Must be called when a listing is complete. */
  planAll(): void {
    if (this.#newShardStart === undefined) return
    for (const node of [...this.#unread]) if (this.#unread.has(node)) this.#plan(node)
    for (const node of [...this.#held]) this.#releaseIfFree(node)
  }

  /** Ends the reading of a shard whose records have all been fetched. */
  fetched(reader: ShardReader): void {
    const { node } = reader
    reader.stop()
    node.state = 'fetched'
    if (reader.queue.length === 0 && !reader.isHeld) this.finish(reader)
    else this.#advance([node])
  }

  /** Finishes a shard whose records have all been delivered, and plans its children. */
  finish(reader: ShardReader): void {
    const { node } = reader
    const { events, frontier, listener } = this.#options
    node.state = 'finished'
    node.ledger.finish()
    this.#readers.delete(node)
    listener.onFinished(reader)
    events.emit('shardFinished', { shardId: node.shardId })
    this.#advance([node])
    frontier.prune(node)
  }

  /**
   * Plans or releases the children of these shards. Not recursive, because a token may contain a chain of
   * 250,000 shards.
   */
  #advance(nodes: Iterable<ShardNode>): void {
    const reached = new Set(nodes)
    for (const node of reached) {
      for (const child of [...node.children]) {
        if (this.#held.has(child)) this.#releaseIfFree(child)
        else if (this.#unread.has(child)) this.#plan(child)
        // A finished shard between two shards of a token: its children may be waiting.
        else if (child.state === 'finished' && node.state === 'finished') reached.add(child)
      }
      if (node.children.length === 0) this.#options.listener.onChildrenWanted(node)
    }
  }

  /** Finishes a shard and its ancestors: a descendant was started, so they lie before the position. */
  #finishIfBeforePosition(node: ShardNode): void {
    let before: ShardNode | undefined = node
    while (before && !before.isStarted) {
      before.state = 'finished'
      this.#unread.delete(before)
      before = this.#options.forest.parentOf(before)
    }
  }

  #plan(node: ShardNode): void {
    const { events, forest } = this.#options
    const plan = planShard(node, forest)
    if (plan === 'wait') return
    const missing = node.inPosition ? undefined : forest.missingParentOf(node)
    if (missing?.state === 'timedOut') {
      events.emit('parentWaitTimedOut', { shardId: node.shardId, parentId: missing.shardId })
    }
    this.#noticeTrimmedParent(node)
    this.#open(node, plan === 'prefetch')
  }

  /**
   * Detects a parent that was trimmed before it was listed. If a shard was created after the position was
   * taken, its parent was still open at that time, or did not exist yet. If such a parent is older than the
   * retention and not listed, it was trimmed unread.
   */
  #noticeTrimmedParent(node: ShardNode): void {
    const { forest, listener, serviceClock } = this.#options
    const missing = node.inPosition ? undefined : forest.missingParentOf(node)
    if (!missing || missing.state === 'read') return
    const { shardId: parentId, createdAt: parentCreatedAt } = missing
    const createdAt = node.createdAt ?? parentCreatedAt
    if (createdAt === undefined || createdAt <= this.#newestKnown - SERVICE_TIME_STEP_MS) return
    if (parentCreatedAt === undefined || parentCreatedAt > serviceClock.now() - RETENTION_MS) return
    if (this.#trimmedUnlisted.has(parentId)) return
    this.#trimmedUnlisted.add(parentId)
    listener.onTrimmedUnlisted(parentId)
  }

  #open(node: ShardNode, isHeld: boolean): void {
    const { forest, frontier, listener, onReaderChange, serviceClock, timeGranularityMs } = this.#options
    const parent = forest.parentOf(node)
    if (parent && parent.reachedTime > node.reachedTime) node.reachedTime = parent.reachedTime
    if (parent && !node.inPosition) {
      node.start = this.#startAfter(parent, node)
      // It must be complete if its parent was read before it, or if none of its records had been trimmed.
      const isWhole = parent.fetched !== undefined || this.wasWhole(node)
      if (node.start === 'start' && isWhole) node.mustBeComplete = true
    }
    if (isHeld) this.#held.add(node)
    this.#unread.delete(node)
    node.state = 'reading'
    const reader = new ShardReader(node, {
      isHeld,
      serviceNow: serviceClock.now(),
      timeGranularityMs,
      onChange: onReaderChange,
    })
    this.#readers.set(node, reader)
    frontier.add(node)
    frontier.prune(parent)
    listener.onOpened(reader)
    if (!isHeld) this.#release(reader)
  }

  /** Whether it is certain that no record of a shard had been trimmed when the position was taken. */
  wasWhole({ createdAt }: ShardNode): boolean {
    return isCertainlyWhole(createdAt, this.#positionTakenAt)
  }

  /** Where the child of a shard starts. */
  #startAfter(parent: ShardNode, child: ShardNode): NewShardStart {
    const reader = this.#readers.get(parent)
    // The parent contains records of the requested time, even if they are still buffered.
    if (reader && reader.since === undefined) return 'start'
    const start = parent.childStart
    // `trim_horizon` includes every record of a shard if none of them had been trimmed when it was requested.
    return start !== 'start' && start.since === OLDEST_RETAINED.since && this.wasWhole(child)
      ? 'start'
      : start
  }

  /** Releases the records of a shard that are held back, if all of its ancestors are finished. */
  #releaseIfFree(node: ShardNode): void {
    const reader = this.#readers.get(node)
    if (reader === undefined) this.#held.delete(node)
    else if (planShard(node, this.#options.forest) === 'open') this.#release(reader)
  }

  #release(reader: ShardReader): void {
    const { events, forest, listener } = this.#options
    const { node } = reader
    this.#held.delete(node)
    reader.queue.raiseReachedTime(forest.parentOf(node)?.reachedTime ?? Number.NEGATIVE_INFINITY)
    reader.release()
    events.emit('shardOpened', { shardId: node.shardId, parentId: node.parentId })
    listener.onReleased(reader)
    if (node.state === 'fetched' && reader.queue.length === 0) this.finish(reader)
  }
}
