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

/** How many shards are opened before other callbacks of the process get their turn. */
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
  /** A shard is to be read from now on. */
  onOpened(reader: ShardReader): void
  /** The records of a shard may be delivered from now on. */
  onReleased(reader: ShardReader): void
  /** Everything of a shard was delivered. */
  onFinished(reader: ShardReader): void
  /** A shard was trimmed without ever having been listed. */
  onTrimmedUnlisted(shardId: string): void
  /** A shard was read to its end, and no child of it is known. */
  onChildrenWanted(node: ShardNode): void
}

/**
 * Decides which shard is read after which: takes in discovered shards, opens them when nothing comes before them, holds
 * records of a child back until those of its parent are delivered, and passes on to children from where on records are
 * wanted.
 *
 * @internal
 */
export class ShardSequencer {
  readonly #options: SequencerOptions
  readonly #readers = new Map<ShardNode, ShardReader>()
  /** Known shards that are not started. */
  readonly #unread = new Set<ShardNode>()
  /** Shards that are read while their records are held back. */
  readonly #held = new Set<ShardNode>()
  /** Undefined until reading has started. */
  #newShardStart: NewShardStart | undefined
  #newestKnown = Number.POSITIVE_INFINITY
  /** When the position was taken (ms, the service's time). */
  #positionTakenAt = 0
  readonly #trimmedUnlisted = new Set<string>()

  constructor(options: SequencerOptions) {
    this.#options = options
  }

  get readers(): ReadonlyMap<ShardNode, ShardReader> {
    return this.#readers
  }

  /** Whether every known shard was delivered to its end. */
  get isFinished(): boolean {
    return this.#readers.size === 0 && this.#unread.size === 0
  }

  /** Starts with a forest that was listed and placed. Shards created after `newestKnown` (ms) came later. */
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

  /** Takes in shards that were not known. */
  addDiscovered(fresh: readonly ShardNode[]): void {
    if (this.#newShardStart === undefined) return
    const { events, forest, frontier } = this.#options
    const unknown = new Set(fresh.filter((node) => !node.isStarted))
    for (const node of unknown) {
      const parent = forest.parentOf(node)
      // What a parent that is new itself passes on is known when the child is opened.
      node.start = parent && !unknown.has(parent) ? parent.childStart : this.#newShardStart
    }
    for (const node of unknown) {
      if (hasStartedDescendant(node)) this.#liesBeforePosition(node)
      else {
        this.#unread.add(node)
        frontier.add(node)
      }
    }
    events.emit('shardsDiscovered', { shardIds: fresh.map((node) => node.shardId) })
    // A parent that is missing may be on a later page: such shards are planned when the listing is complete.
    for (const node of fresh) {
      if (this.#unread.has(node) && !forest.missingParentOf(node)) this.#plan(node)
    }
  }

  /** Plans all shards that wait. To be called when a listing is complete. */
  planAll(): void {
    if (this.#newShardStart === undefined) return
    for (const node of [...this.#unread]) if (this.#unread.has(node)) this.#plan(node)
    for (const node of [...this.#held]) this.#releaseIfFree(node)
  }

  /** Everything of a shard was fetched. */
  fetched(reader: ShardReader): void {
    const { node } = reader
    reader.stop()
    node.state = 'fetched'
    if (reader.queue.length === 0 && !reader.isHeld) this.finish(reader)
    else this.#advance([node])
  }

  /** Everything of a shard was delivered: its children come next. */
  finish(reader: ShardReader): void {
    const { node } = reader
    const { events, frontier, listener } = this.#options
    node.state = 'finished'
    this.#readers.delete(node)
    listener.onFinished(reader)
    events.emit('shardFinished', { shardId: node.shardId })
    this.#advance([node])
    frontier.prune(node)
  }

  /** Plans what comes after these shards. Without recursion: a token may hold a chain of 250,000 shards. */
  #advance(nodes: Iterable<ShardNode>): void {
    const reached = new Set(nodes)
    for (const node of reached) {
      for (const child of [...node.children]) {
        if (this.#held.has(child)) this.#releaseIfFree(child)
        else if (this.#unread.has(child)) this.#plan(child)
        // Between two shards of a token: what waits behind it may proceed.
        else if (child.state === 'finished' && node.state === 'finished') reached.add(child)
      }
      if (node.children.length === 0) this.#options.listener.onChildrenWanted(node)
    }
  }

  /** A descendant of the shard was started: the shard lies before the position, and so do its ancestors. */
  #liesBeforePosition(node: ShardNode): void {
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
   * A shard that was created after the position was taken is a child of one that was open then. Where that one is not
   * listed, it has been trimmed unread.
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
      // Its lineage was read before it, or it had lost nothing by then: so all of it is promised.
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

  /** Whether it is certain that nothing of a shard was trimmed when the position was taken. */
  wasWhole({ createdAt }: ShardNode): boolean {
    return isCertainlyWhole(createdAt, this.#positionTakenAt)
  }

  /** From where on records of a shard's child are wanted. */
  #startAfter(parent: ShardNode, child: ShardNode): NewShardStart {
    const reader = this.#readers.get(parent)
    // What is wanted was found in the parent already, though it is still buffered.
    if (reader && reader.since === undefined) return 'start'
    const start = parent.childStart
    // "Whatever is left of it" is all of a shard that had lost nothing when that was requested.
    return start !== 'start' && start.since === OLDEST_RETAINED.since && this.wasWhole(child)
      ? 'start'
      : start
  }

  /** Releases a shard that is held back, if nothing comes before it any more. */
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
