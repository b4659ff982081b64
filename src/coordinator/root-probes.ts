import type { ReadContext } from '../reader/read-shard.ts'
import { EMPTY_PAGES_TO_CROSS, ITERATOR_LIFE_MS, type ShardReader } from '../reader/shard-reader.ts'
import { callWithTimeout } from '../streams-api/retry.ts'
import type { ShardPage } from '../streams-api/streams-api.ts'

/** What was found out about a shard. */
interface Probe {
  iterator: string
  /** When the last answered call began (ms). */
  askedAtMs: number
  emptyPages: number
}

/**
 * Opens shards without a parent at their oldest record while the listing goes on, and crosses the empty stretch at their
 * beginning. DescribeStream is limited to a few calls a second, so that with a thousand shards more time goes by waiting for the
 * listing than for anything else, and nothing of what is read here depends on the rest of it.
 *
 * A probe keeps no record: it stops where it sees one, at the iterator that leads to it. It reports no error either: a
 * shard whose probe failed is opened as any other, and then its error is seen.
 *
 * @internal
 */
export class RootProbes {
  readonly #context: ReadContext
  readonly #sideBySide: number
  readonly #probes = new Map<string, Probe>()
  readonly #rest: { readonly shardId: string; readonly isOpen: boolean }[] = []
  #underWay = 0
  #isOver = false

  constructor(context: ReadContext, sideBySide: number) {
    this.#context = context
    this.#sideBySide = sideBySide
  }

  /** Begins with the shards of a page; not of the last one, after which there is nothing to wait for. */
  take({ shards, lastEvaluatedShardId }: ShardPage): void {
    if (lastEvaluatedShardId === undefined) return
    for (const { shardId, parentShardId, endingSequenceNumber } of shards) {
      if (parentShardId === undefined)
        this.#rest.push({ shardId, isOpen: endingSequenceNumber === undefined })
    }
    while (this.#underWay < this.#sideBySide && this.#rest.length > 0) void this.#probeRest()
  }

  /** Ends all probes. What is not answered by now does not count. */
  end(): void {
    this.#isOver = true
  }

  /** Tells the reader of a shard what is known of it. Returns whether anything is. */
  tell(reader: ShardReader): boolean {
    const probe = this.#probes.get(reader.node.shardId)
    // It may have to be opened elsewhere: at its first sequence number, or not at all.
    if (!probe || reader.iteratorStart(this.#context.clock.now()).type !== 'TRIM_HORIZON') return false
    reader.iterator = probe.iterator
    reader.iteratorExpiresAt = probe.askedAtMs + ITERATOR_LIFE_MS
    reader.askedAtMs = probe.askedAtMs
    for (let page = 0; page < probe.emptyPages; page++) reader.accept([], false)
    return true
  }

  async #probeRest(): Promise<void> {
    this.#underWay++
    for (let shard = this.#rest.shift(); shard && !this.#isOver; shard = this.#rest.shift()) {
      await this.#probe(shard.shardId, shard.isOpen).catch(() => this.#probes.delete(shard.shardId))
    }
    this.#underWay--
  }

  async #probe(shardId: string, isOpen: boolean): Promise<void> {
    const { api, streamArn, clock } = this.#context
    const openedAt = clock.now()
    const iterator = await callWithTimeout(
      (signal) => api.openIterator({ streamArn, shardId, start: { type: 'TRIM_HORIZON' } }, signal),
      this.#context,
    )
    if (this.#isOver) return
    const probe: Probe = { iterator, askedAtMs: openedAt, emptyPages: 0 }
    this.#probes.set(shardId, probe)
    // A closed shard is about to be read as a whole.
    while (isOpen && probe.emptyPages < EMPTY_PAGES_TO_CROSS) {
      const askedAtMs = clock.now()
      const page = await callWithTimeout(
        (signal) => api.readRecords({ iterator: probe.iterator, limit: 1 }, signal),
        this.#context,
      )
      if (this.#isOver || page.records.length > 0 || page.nextIterator === undefined) return
      probe.iterator = page.nextIterator
      probe.askedAtMs = askedAtMs
      probe.emptyPages++
    }
  }
}
