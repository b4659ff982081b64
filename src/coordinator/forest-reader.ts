import { setMaxListeners } from 'node:events'
import { RecordBuffer } from '../buffer/record-buffer.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import type { StreamToken } from '../position/token.ts'
import { PageBudget } from '../reader/page-budget.ts'
import { ReadPump } from '../reader/read-pump.ts'
import type { ReadContext, ReadOutcome } from '../reader/read-shard.ts'
import type { ShardReader } from '../reader/shard-reader.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { Lineage } from '../shards/lineage.ts'
import type { AdoptedStart } from '../shards/seek.ts'
import type { ShardNode } from '../shards/shard.ts'
import type { ListingContext } from '../streams-api/list-all-shards.ts'
import type { RateLimit } from '../streams-api/rate-limit.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { Alarm } from './alarm.ts'
import { Answers } from './answers.ts'
import { Discovery } from './discovery.ts'
import type { CoordinatorEvents } from './events.ts'
import { FailedReads } from './failed-reads.ts'
import { Frontier, type TokenView } from './frontier.ts'
import { openAtLatest } from './open-at-latest.ts'
import type { ReadingOptions } from './options.ts'
import { ReadTimes } from './read-times.ts'
import { RootProbes } from './root-probes.ts'
import { type Round, Rounds } from './rounds.ts'
import { Succession } from './succession.ts'
import { Trouble } from './trouble.ts'

/** Finished shards that are not listed any more are remembered for this long (ms), in case they are shown again. */
const REMEMBER_VANISHED_MS = 3_600_000

/** The service tells its time to the second: this much (ms) may be missing. */
const MOST_CUT_OFF_MS = 999

/** What all readings of a Coordinator share. */
export interface Surroundings {
  readonly api: StreamsApi
  readonly streamArn: string
  readonly options: ReadingOptions
  readonly clock: Clock
  readonly random: () => number
  readonly events: Emitter<CoordinatorEvents>
  readonly describeLimit: RateLimit
}

/**
 * Reads the whole forest of shards from one position on: what succession opens is read by the pump, merged in the
 * buffer and given out by `take`; what was given out is in the frontier. `moveTo` makes a new one and stops the old
 * one, so that nothing of one position can get into another.
 *
 * @internal
 */
export class ForestReader {
  readonly lineage: Lineage = new Lineage()
  readonly buffer: RecordBuffer = new RecordBuffer()
  readonly #around: Surroundings
  readonly #stop = new AbortController()
  readonly #calls: ReadContext
  readonly #frontier = new Frontier(this.lineage)
  readonly #discovery: Discovery
  readonly #succession: Succession
  readonly #budget: PageBudget
  readonly #pump: ReadPump
  readonly #rounds = new Rounds()
  readonly #trouble: Trouble
  /** Readers that the merge has to wait for. */
  readonly #blocking = new Set<ShardReader>()
  readonly #alarm: Alarm
  readonly #failedReads: FailedReads
  readonly #answers: Answers
  readonly #readTimes: ReadTimes
  readonly #rootProbes: RootProbes
  #hasToldCaughtUp = false

  constructor(around: Surroundings) {
    const { api, streamArn, options, clock } = around
    const { signal } = this.#stop
    // One listener a call under way: more than the ten that Node takes for a leak.
    setMaxListeners(0, signal)
    this.#around = around
    this.#trouble = new Trouble(streamArn)
    this.#calls = { api, streamArn, clock, signal }
    this.#rootProbes = new RootProbes(this.#calls, options.maxConcurrentReads)
    this.#alarm = new Alarm(clock, () => this.#run())
    const listing: ListingContext = { ...around, limit: around.describeLimit, signal }
    this.#budget = new PageBudget(options)
    this.#pump = new ReadPump(this.#calls, this.#budget, options.maxConcurrentReads, {
      bufferedBytes: () => this.buffer.bytes,
      sharers: () => this.buffer.shards + this.#blocking.size,
      answered: (reader, outcome, limit) => this.#answered(reader, outcome, limit),
    })
    this.#discovery = new Discovery(listing, this.lineage, options.discoveryIntervalMs, {
      shardsSeen: (fresh) => this.#succession.adopt(fresh),
      listingComplete: () => this.#listingComplete(),
      searched: (node, wasListed) => this.#searched(node, wasListed),
      isReading: () => this.#succession.readers.size > 0,
      failed: (error) => this.#failedReads.fail(error, undefined),
      rested: () => this.#changed(),
    })
    // DynamoDB Local cuts the times of records to the minute; its ARNs name the region "ddblocal".
    const timeGranularityMs = streamArn.includes(':dynamodb:ddblocal:') ? 60_000 : 1_000
    this.#succession = new Succession(
      { ...around, lineage: this.lineage, frontier: this.#frontier, timeGranularityMs },
      {
        opened: (reader) => this.#pump.readIn(reader, 0),
        released: (reader) => this.#released(reader),
        finished: (reader) => this.#finished(reader),
        heirsWanted: (node) => this.#heirsWanted(node),
        trimmedUnseen: (shardId) => this.#failedReads.trimmedUnseen(shardId),
      },
    )
    this.#readTimes = new ReadTimes({
      clock,
      idlePollMs: options.idlePollMs,
      pump: this.#pump,
      rounds: this.#rounds,
      readers: () => this.readers(),
    })
    this.#failedReads = new FailedReads({
      listing,
      onGap: options.onGap,
      pump: this.#pump,
      rounds: this.#rounds,
      succession: this.#succession,
      trouble: this.#trouble,
      pauseMs: (reader) => this.#readTimes.pauseMs(reader),
      decided: (reader) => {
        this.#block(reader)
        this.#changed()
      },
    })
    this.#answers = new Answers({
      clock,
      unmarshallOptions: options.unmarshallOptions,
      buffer: this.buffer,
      budget: this.#budget,
      pump: this.#pump,
      rounds: this.#rounds,
      discovery: this.#discovery,
      succession: this.#succession,
      failedReads: this.#failedReads,
      pauseMs: (reader) => this.#readTimes.pauseMs(reader),
    })
  }

  // ---- Beginning and end -------------------------------------------------------------------------------------------

  /**
   * Lists the shards; with `probesRoots` finds out in the meantime what it can of those that come first. Returns the
   * service's time (ms) when it was asked, if it told: its answer may have taken long. At the latest, for it tells the second
   * only.
   */
  async list(probesRoots: boolean): Promise<number | undefined> {
    const { clock } = this.#around
    const askedAt = clock.now()
    let serviceTime: number | undefined
    await this.#discovery.listAll((page) => {
      if (page.serviceTime !== undefined)
        serviceTime ??= page.serviceTime + MOST_CUT_OFF_MS - (clock.now() - askedAt)
      if (probesRoots) this.#rootProbes.take(page)
    })
    this.#rootProbes.end()
    return serviceTime
  }

  /** Begins reading: the lineage was listed and placed. `newestKnown`: when the newest shard before it was made (ms). */
  begin(adoptedStart: AdoptedStart, newestKnown: number | undefined): void {
    this.#succession.begin(adoptedStart, newestKnown)
    this.#discovery.begun()
    for (const reader of this.readers()) {
      if (!this.#rootProbes.tell(reader)) continue
      this.#pump.readOn(reader, this.#readTimes.pauseMs(reader))
      this.#block(reader)
    }
  }

  /**
   * Opens the shards that are read first with LATEST, so that all that is written from now on is seen. Shards that
   * cannot be opened so are left to be read by time.
   */
  async openAtLatest(): Promise<void> {
    const { events, random, options } = this.#around
    await openAtLatest(this.readers(), options.maxConcurrentReads, { calls: this.#calls, random, events })
    for (const reader of this.readers()) this.#block(reader)
  }

  /** Gives up all calls under way. Their answers, when they come late, are not looked at. */
  stop(reason: unknown): void {
    this.#stop.abort(reason)
    this.#alarm.cancel()
    this.#alarm.wake()
  }

  // ---- Giving out --------------------------------------------------------------------------------------------------

  /**
   * Gives out the next record; undefined when there is none that may be given out now.
   * @throws what went wrong, if there is no going on without the caller.
   */
  take(): StreamRecord | undefined {
    const now = this.#around.clock.now()
    this.#demand(now)
    this.#throwTrouble()
    const queue = this.buffer.next
    if (queue === undefined || (this.#blocking.size > 0 && !this.#trouble.isStreamGone)) {
      this.#trouble.throwIfStreamGone()
      return undefined
    }
    const record = this.buffer.take()
    this.#hasToldCaughtUp = false
    this.#frontier.deliver(queue.node, queue.sequenceNumber)
    const reader = this.#succession.readers.get(queue.node) as ShardReader
    if (reader.phase === 'resting' || queue.length === 0) this.#drained(reader, now)
    if (this.#pump.hasDue(now)) this.#run()
    return record
  }

  /** All that was taken is done with. */
  commit(): void {
    this.#frontier.commit()
  }

  token(view: TokenView): StreamToken {
    return this.#frontier.token(this.#around.streamArn, view)
  }

  /** Whether the stream is disabled, and all of it was given out. */
  get ended(): boolean {
    const { readers, unread } = this.#succession
    return this.#discovery.isOver && readers.size === 0 && unread.size === 0
  }

  /** The shards that are being read, also those whose records are held back. */
  readers(): Iterable<ShardReader> {
    return this.#succession.readers.values()
  }

  // ---- Knowing that there is nothing new ----------------------------------------------------------------------------

  /** Has every shard that is being read asked once more, as soon as its pace allows. */
  beginRound(): Round {
    return this.#readTimes.askAll()
  }

  /** Whether all have answered, and nothing can be given out. */
  isOver(round: Round): boolean {
    if (this.buffer.next !== undefined || this.#blocking.size > 0) return false
    return round.waitsFor.size === 0 && !this.#discovery.isAwaited
  }

  endRound(round: Round): void {
    this.#rounds.end(round)
  }

  /** Waits for something to happen while no shard is being read: for as long as a shard would be left alone. */
  async pause(): Promise<void> {
    const { clock, options } = this.#around
    const over = new AbortController()
    await Promise.race([this.progress(), sleep(clock, options.idlePollMs.min, over.signal)])
    over.abort()
  }

  /** Renews the iterators that would soon expire. Resolves when that is done, or was tried. */
  async renewIterators(): Promise<void> {
    const round = this.#readTimes.askExpiring()
    while (round.waitsFor.size > 0 && !this.#stop.signal.aborted && !this.#trouble.isLasting) {
      await this.progress()
      for (const reader of round.waitsFor) if (reader.failures > 0) round.waitsFor.delete(reader)
    }
    this.#rounds.end(round)
  }

  // ---- Shards come and go ------------------------------------------------------------------------------------------

  #released(reader: ShardReader): void {
    this.buffer.release(reader.queue)
    if (reader.phase === 'scheduled') this.#pump.readAt(reader, 0)
    this.#block(reader)
  }

  #finished(reader: ShardReader): void {
    this.buffer.retire(reader.queue)
    this.#block(reader)
    this.#rounds.release(reader)
  }

  #heirsWanted(node: ShardNode): void {
    if (!node.gone) this.#discovery.search(node, true)
  }

  #searched(node: ShardNode, wasListed: boolean): void {
    const reader = this.#succession.readers.get(node)
    this.#answers.searched(node, reader, wasListed)
    if (reader) this.#block(reader)
  }

  #listingComplete(): void {
    this.lineage.forgetVanishedBefore(this.#around.clock.now() - REMEMBER_VANISHED_MS)
    this.#succession.planAll()
  }

  // ---- Answers -----------------------------------------------------------------------------------------------------

  #answered(reader: ShardReader, outcome: ReadOutcome, limit: number): void {
    this.#answers.take(reader, outcome, limit)
    this.#block(reader)
    this.#changed()
  }

  /** Throws what stands in the way; readers that were stopped by it go on when the caller comes back. */
  #throwTrouble(): void {
    const failure = this.#trouble.takeFailure()
    if (!failure) return
    for (const reader of failure.readers) {
      this.#pump.readIn(reader, 0)
      this.#block(reader)
    }
    throw failure.error
  }

  // ---- When to read ------------------------------------------------------------------------------------------------

  /** The consumer has taken from a shard that rests, or has taken its last record. */
  #drained(reader: ShardReader, now: number): void {
    if (reader.queue.length === 0 && reader.node.state === 'fetched') {
      this.#succession.finish(reader)
      return
    }
    this.#readTimes.drained(reader, now)
    if (reader.queue.length === 0) this.#block(reader)
  }

  /** Brings the set of readers that the merge waits for up to date. */
  #block(reader: ShardReader): void {
    if (reader.blocks) this.#blocking.add(reader)
    else this.#blocking.delete(reader)
  }

  /** Somebody wants records. After a long pause it is not known any more which shards have nothing left. */
  #demand(now: number): void {
    const doubted = this.#readTimes.demand(now)
    if (doubted === undefined) return
    for (const reader of doubted) this.#block(reader)
    this.#run()
  }

  // ---- Waiting and waking ------------------------------------------------------------------------------------------

  /** Resolves when something has changed since the call: an answer came, or it was stopped. */
  progress(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve()
    const changed = this.#alarm.wait()
    this.#run()
    return changed
  }

  /** Starts what is due. */
  #run(): void {
    if (this.#stop.signal.aborted || this.#trouble.isLasting) return
    const now = this.#around.clock.now()
    this.#pump.run(now)
    this.#discovery.kick(now)
    const nextReadAt = this.#pump.nextDueAt ?? Number.POSITIVE_INFINITY
    this.#alarm.set(Math.min(nextReadAt, this.#discovery.nextDueAt), now)
  }

  #changed(): void {
    this.#tellCaughtUp()
    this.#alarm.wake()
    this.#run()
  }

  #tellCaughtUp(): void {
    const { readers } = this.#succession
    if (this.#hasToldCaughtUp || this.buffer.length > 0 || this.#blocking.size > 0 || readers.size === 0)
      return
    for (const reader of readers.values()) if (!reader.atTip) return
    this.#hasToldCaughtUp = true
    this.#around.events.emit('caughtUp', { shards: readers.size })
  }
}
