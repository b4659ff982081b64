import type { Clock } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import { shardCreatedAt } from '../position/shard-id.ts'
import { ShardReader } from '../reader/shard-reader.ts'
import type { Lineage } from '../shards/lineage.ts'
import { hasStartedHeir, planShard } from '../shards/plan.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import type { AdoptedStart } from '../shards/seek.ts'
import type { ShardNode } from '../shards/shard.ts'
import type { CoordinatorEvents } from './events.ts'
import type { Frontier } from './frontier.ts'

/** The service tells its time cut to the second. */
const SERVICE_TIME_STEP_MS = 1_000

/** What succession tells the reader of the forest. */
export interface SuccessionListener {
  /** A shard is to be read from now on. */
  opened(reader: ShardReader): void
  /** The records of a shard may be given out from now on. */
  released(reader: ShardReader): void
  /** Everything of a shard was given out. */
  finished(reader: ShardReader): void
  /** A shard came and went without ever having been listed. */
  trimmedUnseen(shardId: string): void
  /** A shard has come to its end, and no child of it is known. */
  heirsWanted(node: ShardNode): void
}

/**
 * Decides which shard is read after which: takes shards in as they are discovered, opens them when nothing stands before
 * them, holds records of a child back until those of its parent are given out, and passes on to children from where on
 * records are wanted.
 *
 * @internal
 */
export class Succession {
  readonly readers = new Map<ShardNode, ShardReader>() as ReadonlyMap<ShardNode, ShardReader>
  /** Shards that are known and not begun, with the time since when. */
  readonly unread: ReadonlyMap<ShardNode, number> = new Map<ShardNode, number>()
  readonly #readers = this.readers as Map<ShardNode, ShardReader>
  readonly #unread = this.unread as Map<ShardNode, number>
  readonly #lineage: Lineage
  readonly #frontier: Frontier
  readonly #clock: Clock
  readonly #events: Emitter<CoordinatorEvents>
  readonly #timeGranularityMs: number
  readonly #listener: SuccessionListener
  /** Undefined until reading has begun. */
  #adoptedStart: AdoptedStart | undefined
  #newestKnown = Number.POSITIVE_INFINITY
  readonly #trimmedUnseen = new Set<string>()
  /** Since when shards are held back. */
  readonly #heldSince = new Map<ShardNode, number>()

  constructor(
    around: {
      readonly lineage: Lineage
      readonly frontier: Frontier
      readonly clock: Clock
      readonly events: Emitter<CoordinatorEvents>
      readonly timeGranularityMs: number
    },
    listener: SuccessionListener,
  ) {
    this.#lineage = around.lineage
    this.#frontier = around.frontier
    this.#clock = around.clock
    this.#events = around.events
    this.#timeGranularityMs = around.timeGranularityMs
    this.#listener = listener
  }

  /** Begins with a lineage that was listed and placed. Shards made after `newestKnown` (ms) came later. */
  begin(adoptedStart: AdoptedStart, newestKnown: number | undefined): void {
    this.#adoptedStart = adoptedStart
    this.#newestKnown = newestKnown ?? Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    const finished: ShardNode[] = []
    for (const node of this.#lineage.nodes()) {
      if (node.state === 'unread') this.#unread.set(node, now)
      else finished.push(node)
      this.#frontier.add(node)
    }
    this.planAll()
    for (const node of finished) this.lookForHeirs(node)
  }

  /** Takes in shards that were not known. */
  adopt(fresh: readonly ShardNode[]): void {
    if (this.#adoptedStart === undefined) return
    const now = this.#clock.now()
    const unknown = new Set(fresh.filter(({ state, placed }) => state === 'unread' && !placed))
    for (const node of unknown) {
      const parent = this.#lineage.parentOf(node)
      // What a parent that is new itself passes on is known when the child is opened.
      node.start = parent && !unknown.has(parent) ? parent.heirStart : this.#adoptedStart
    }
    for (const node of unknown) {
      if (hasStartedHeir(node)) this.#liesBefore(node)
      else {
        this.#unread.set(node, now)
        this.#frontier.add(node)
      }
    }
    this.#events.emit('discovered', { shardIds: fresh.map((node) => node.shardId) })
    // A parent that is not known may be on a later page: such shards are looked at when the listing is complete.
    for (const node of fresh) {
      const isOrphan = node.parentId !== undefined && !this.#lineage.get(node.parentId)
      if (this.#unread.has(node) && !isOrphan) this.#plan(node)
    }
  }

  /** Looks at all shards that wait. To be called when a listing is complete. */
  planAll(): void {
    if (this.#adoptedStart === undefined) return
    for (const node of [...this.#unread.keys()]) if (this.#unread.has(node)) this.#plan(node)
    for (const node of [...this.#heldSince.keys()]) this.#releaseIfFree(node)
  }

  /** Everything of a shard was fetched. */
  fetched(reader: ShardReader): void {
    const { node } = reader
    reader.phase = 'stopped'
    node.state = 'fetched'
    if (reader.queue.length === 0 && !reader.held) this.finish(reader)
    else this.lookForHeirs(node)
  }

  /** Everything of a shard was given out: its children come next. */
  finish(reader: ShardReader): void {
    const { node } = reader
    node.state = 'finished'
    this.#readers.delete(node)
    this.#listener.finished(reader)
    this.#events.emit('shardFinished', { shardId: node.shardId })
    this.lookForHeirs(node)
  }

  lookForHeirs(node: ShardNode): void {
    for (const child of [...node.children]) {
      if (this.#heldSince.has(child)) this.#releaseIfFree(child)
      else if (this.#unread.has(child)) this.#plan(child)
      // Between two shards of a token: what waits behind it may go on.
      else if (child.state === 'finished' && node.state === 'finished') this.lookForHeirs(child)
    }
    if (node.children.length === 0) this.#listener.heirsWanted(node)
  }

  /** A shard has turned out to come before one that was begun: it lies before the position, and so do its ancestors. */
  #liesBefore(node: ShardNode): void {
    let before: ShardNode | undefined = node
    while (before && before.state === 'unread' && !before.placed) {
      before.state = 'finished'
      this.#unread.delete(before)
      before = this.#lineage.parentOf(before)
    }
  }

  #plan(node: ShardNode): void {
    const now = this.#clock.now()
    const plan = planShard(node, this.#lineage, this.#unread.get(node) ?? now, now)
    if (plan.do === 'wait') return
    if (plan.do === 'open' && plan.hiddenParentId !== undefined) {
      this.#events.emit('parentNotListed', { shardId: node.shardId, parentId: plan.hiddenParentId })
    }
    this.#noticeTrimmedParent(node)
    this.#open(node, plan.do === 'prefetch')
  }

  /**
   * A shard that was made after the position was taken goes on from one that was open then. Where that one is not listed,
   * it has been trimmed unread.
   */
  #noticeTrimmedParent({ shardId, parentId, placed }: ShardNode): void {
    if (parentId === undefined || placed || this.#lineage.get(parentId)) return
    const parentCreatedAt = shardCreatedAt(parentId)
    const createdAt = shardCreatedAt(shardId) ?? parentCreatedAt
    if (createdAt === undefined || createdAt <= this.#newestKnown - SERVICE_TIME_STEP_MS) return
    if (parentCreatedAt === undefined || parentCreatedAt > this.#clock.now() - RETENTION_MS) return
    if (this.#trimmedUnseen.has(parentId)) return
    this.#trimmedUnseen.add(parentId)
    this.#listener.trimmedUnseen(parentId)
  }

  #open(node: ShardNode, held: boolean): void {
    const parent = this.#lineage.parentOf(node)
    if (parent && parent.reachedTime > node.reachedTime) node.reachedTime = parent.reachedTime
    if (parent && !node.placed) {
      node.start = this.#startAfter(parent)
      // Reading of the lineage has begun, so all of this one is promised.
      if (node.start === 'start' && parent.fetched !== undefined) node.promised = true
    }
    const now = this.#clock.now()
    if (held) this.#heldSince.set(node, this.#unread.get(node) ?? now)
    this.#unread.delete(node)
    node.state = 'reading'
    const reader = new ShardReader(node, held, now, this.#timeGranularityMs)
    this.#readers.set(node, reader)
    this.#frontier.add(node)
    this.#listener.opened(reader)
    if (!held) this.#release(reader)
  }

  /** From where on records of a shard's children are wanted. */
  #startAfter(parent: ShardNode): AdoptedStart {
    const reader = this.#readers.get(parent)
    // What is wanted was found in the parent already, though it is still in the buffer.
    if (reader && reader.since === undefined) return 'start'
    return parent.heirStart
  }

  /** Nothing stands before a shard any more that was held back, if that is so. */
  #releaseIfFree(node: ShardNode): void {
    const now = this.#clock.now()
    const reader = this.#readers.get(node)
    if (reader === undefined) this.#heldSince.delete(node)
    else if (planShard(node, this.#lineage, this.#heldSince.get(node) ?? now, now).do === 'open')
      this.#release(reader)
  }

  #release(reader: ShardReader): void {
    const { node } = reader
    this.#heldSince.delete(node)
    reader.held = false
    reader.queue.raise(this.#lineage.parentOf(node)?.reachedTime ?? Number.NEGATIVE_INFINITY)
    this.#events.emit('shardOpened', { shardId: node.shardId, parentId: node.parentId })
    this.#listener.released(reader)
    if (node.state === 'fetched' && reader.queue.length === 0) this.finish(reader)
  }
}
