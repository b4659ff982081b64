import { setMaxListeners } from 'node:events'
import { RecordBuffer } from '../buffer/record-buffer.ts'
import type { Clock } from '../clock.ts'
import { StreamError } from '../errors.ts'
import type { CoordinatorEvents, Emitter } from '../events.ts'
import type { ReadingOptions } from '../options.ts'
import { shardCreatedAt } from '../position/shard-id.ts'
import type { StreamToken } from '../position/token.ts'
import { ReadSchedule } from '../reader/read-schedule.ts'
import { openIterator, type ReadContext, type ReadOutcome, readShard } from '../reader/read-shard.ts'
import { ShardReader } from '../reader/shard-reader.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import { sizeBytesOf } from '../records/wire-record.ts'
import { Lineage } from '../shards/lineage.ts'
import { hasStartedHeir, planShard } from '../shards/plan.ts'
import { RETENTION_MS } from '../shards/retention.ts'
import type { AdoptedStart } from '../shards/seek.ts'
import type { ShardNode } from '../shards/shard.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { type ListingContext, listShardPage } from '../streams-api/list-all-shards.ts'
import type { RateLimit } from '../streams-api/rate-limit.ts'
import { CallTimeout, callUntilAnswered, retryDelayMs } from '../streams-api/retry.ts'
import type { RecordPage, StreamsApi } from '../streams-api/streams-api.ts'
import { Discovery } from './discovery.ts'
import { Frontier, type TokenView } from './frontier.ts'
import { type BufferLoad, PageBudget } from './page-budget.ts'

/**
 * How long a shard may fail, in ms, before newer records of other shards are given out without waiting for it.
 */
export const LEFT_BEHIND_MS: number = 60_000

/** A shard that was not asked for longer than this (ms) may have a backlog again. */
const TIP_DOUBTED_AFTER_MS = 5_000

/** An iterator that has less than this left (ms) is renewed by a heartbeat. */
const RENEW_BEFORE_EXPIRY_MS = 5 * 60_000

/** Finished shards that are not listed any more are remembered for this long (ms), in case they are shown again. */
const REMEMBER_VANISHED_MS = 3_600_000

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

/** Which answers a caller waits for before it believes that there is nothing new. */
export interface Round {
  readonly waitsFor: Set<ShardReader>
  /** Only reads that begin after this one, in the count of all reads, are of use. */
  readonly after: number
}

/**
 * Reads the whole forest of shards from one position on: opens shards when their parents are done, fetches pages side
 * by side, merges them, and knows the frontier. `moveTo` makes a new one and stops the old one, so that nothing of
 * one position can get into another.
 *
 * @internal
 */
export class ForestReader {
  readonly lineage: Lineage = new Lineage()
  readonly frontier: Frontier = new Frontier()
  readonly buffer: RecordBuffer = new RecordBuffer()
  readonly discovery: Discovery
  readonly #around: Surroundings
  readonly #stop = new AbortController()
  readonly #readContext: ReadContext
  readonly #listing: ListingContext
  readonly #schedule = new ReadSchedule()
  readonly #budget: PageBudget
  readonly #readers = new Map<ShardNode, ShardReader>()
  /** Readers that the merge has to wait for. */
  readonly #blocking = new Set<ShardReader>()
  /** Shards that are known and not begun, with the time since when. */
  readonly #unread = new Map<ShardNode, number>()
  readonly #rounds = new Set<Round>()
  readonly #timeGranularityMs: number
  /** Undefined until reading has begun. */
  #adoptedStart: AdoptedStart | undefined
  #inFlight = 0
  #reads = 0
  #waiting: (() => void)[] = []
  #cancelTimer: (() => void) | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #lastDemandAt: number
  #caughtUp = false
  /** Thrown at every call until the position is changed: a gap. */
  #gap: StreamError<'records.trimmed'> | undefined
  /** Thrown once what was fetched is given out. */
  #streamGone: unknown
  /** Thrown once; then the shards that it stopped go on. */
  #failure: { error: unknown; readers: ShardReader[] } | undefined

  constructor(around: Surroundings) {
    this.#around = around
    this.#lastDemandAt = around.clock.now()
    const { signal } = this.#stop
    // One listener a call under way, which are more than the ten that Node holds for a leak.
    setMaxListeners(0, signal)
    this.#readContext = { api: around.api, streamArn: around.streamArn, clock: around.clock, signal }
    this.#budget = new PageBudget(around.options)
    // DynamoDB Local cuts the times of records to the minute; its ARNs name the region "ddblocal".
    this.#timeGranularityMs = around.streamArn.includes(':dynamodb:ddblocal:') ? 60_000 : 1_000
    this.#listing = { ...around, limit: around.describeLimit, signal }
    this.discovery = new Discovery(this.#listing, this.lineage, around.options.discoveryIntervalMs, {
      shardsSeen: (fresh) => this.#adopt(fresh),
      listingComplete: () => this.#listingComplete(),
      searched: (node) => this.#searched(node),
      failed: (error) => this.#failed(error, undefined),
      rested: () => this.#changed(),
    })
  }

  // ---- Beginning and end -------------------------------------------------------------------------------------------

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Begins reading: the lineage was listed and placed. */
  begin(adoptedStart: AdoptedStart): void {
    this.#adoptedStart = adoptedStart
    const now = this.#around.clock.now()
    for (const node of this.lineage.nodes()) {
      if (node.state === 'unread') this.#unread.set(node, now)
      this.frontier.add(node)
    }
    for (const node of [...this.#unread.keys()]) this.#plan(node)
    for (const node of this.frontier.nodes()) if (node.state === 'finished') this.#lookForHeirs(node)
  }

  /**
   * Opens the shards that are read first with LATEST, so that all that is written from now on is seen. Shards that
   * cannot be opened so are left to be read by time.
   */
  async openAtLatest(): Promise<void> {
    const rest = [...this.#readers.values()]
    const { events, options } = this.#around
    const openRest = async () => {
      for (let reader = rest.pop(); reader; reader = rest.pop()) {
        const { shardId } = reader.node
        await callUntilAnswered(
          () => openIterator(reader as ShardReader, { type: 'LATEST' }, this.#readContext),
          { ...this.#around, signal: this.#stop.signal },
          (retry) => events.emit('retry', { operation: 'GetShardIterator', shardId, ...retry }),
        ).then(
          () => {
            ;(reader as ShardReader).atTip = true
            this.#block(reader as ShardReader)
          },
          (error) => {
            if (!['trimmed', 'notFound'].includes(classifyError(error))) throw error
          },
        )
      }
    }
    await Promise.all(Array.from({ length: Math.min(rest.length, options.maxConcurrentReads) }, openRest))
  }

  /** Gives up all calls under way. Their answers, when they come late, are not looked at. */
  stop(reason: unknown): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(reason)
    this.#cancelTimer?.()
    this.#wake()
  }

  // ---- Giving out --------------------------------------------------------------------------------------------------

  /**
   * Gives out the next record; undefined when there is none that may be given out now.
   * @throws what went wrong, if there is no going on without the caller.
   */
  take(): StreamRecord | undefined {
    const now = this.#around.clock.now()
    this.#demand(now)
    if (this.#gap) throw this.#gap
    this.#throwFailure()
    const queue = this.buffer.next
    if (queue === undefined || (this.#blocking.size > 0 && this.#streamGone === undefined)) {
      if (this.#streamGone !== undefined) throw streamNotFound(this.#around.streamArn, this.#streamGone)
      return undefined
    }
    const record = this.buffer.take()
    this.#caughtUp = false
    this.frontier.deliver(queue.node, queue.sequenceNumber)
    const reader = this.#readers.get(queue.node) as ShardReader
    if (reader.phase === 'resting' || queue.length === 0) this.#drained(reader, now)
    if (this.#schedule.hasDue(now)) this.#pump()
    return record
  }

  /** All that was taken is done with. */
  commit(): void {
    this.frontier.commit()
  }

  token(view: TokenView): StreamToken {
    return this.frontier.token(this.#around.streamArn, view)
  }

  /** Whether the stream is disabled, and all of it was given out. */
  get ended(): boolean {
    return this.discovery.isDisabled && this.#readers.size === 0 && this.#unread.size === 0
  }

  /** Resolves when something has changed since the call: an answer came, or it was stopped. */
  progress(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve()
    const changed = new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#pump()
    return changed
  }

  // ---- Knowing that there is nothing new ----------------------------------------------------------------------------

  /** Has every shard that is being read asked once more, as soon as its pace allows. */
  beginRound(): Round {
    const { min } = this.#around.options.idlePollMs
    const round: Round = { waitsFor: new Set(), after: this.#reads }
    for (const reader of this.#readers.values()) {
      if (reader.held || reader.leftBehind || reader.phase === 'stopped' || reader.phase === 'ending')
        continue
      round.waitsFor.add(reader)
      if (reader.phase === 'scheduled' && reader.failures === 0) {
        this.#schedule.put(reader, reader.atTip ? reader.askedAtMs + min : 0)
      }
    }
    this.#rounds.add(round)
    return round
  }

  /** Whether the round is over, and nothing can be given out. */
  isOver(round: Round): boolean {
    if (this.buffer.next !== undefined || this.#blocking.size > 0 || this.discovery.hasUnasked) return false
    return round.waitsFor.size === 0
  }

  endRound(round: Round): void {
    this.#rounds.delete(round)
  }

  // ---- Looking at it -----------------------------------------------------------------------------------------------

  readers(): IterableIterator<ShardReader> {
    return this.#readers.values()
  }

  /** Shards that are known, and wait for a parent. */
  unread(): IterableIterator<ShardNode> {
    return this.#unread.keys()
  }

  /** Renews the iterators that would soon expire. Resolves when that is done. */
  async renewIterators(): Promise<void> {
    const now = this.#around.clock.now()
    const round: Round = { waitsFor: new Set(), after: this.#reads }
    for (const reader of this.#readers.values()) {
      if (reader.iterator === undefined || reader.iteratorExpiresAt > now + RENEW_BEFORE_EXPIRY_MS) continue
      if (reader.phase === 'resting') {
        // What was fetched says where to go on: the next read makes a fresh one.
        reader.dropIterator()
      } else if (reader.phase === 'scheduled') {
        this.#schedule.put(reader, now)
        round.waitsFor.add(reader)
      }
    }
    this.#rounds.add(round)
    while (round.waitsFor.size > 0 && !this.#stop.signal.aborted) {
      await this.progress()
      for (const reader of round.waitsFor) {
        if (reader.failures > 0 || reader.phase === 'stopped') round.waitsFor.delete(reader)
      }
    }
    this.#rounds.delete(round)
  }

  // ---- Shards come and go ------------------------------------------------------------------------------------------

  #adopt(fresh: readonly ShardNode[]): void {
    if (this.#adoptedStart === undefined) return
    const now = this.#around.clock.now()
    for (const node of fresh) {
      if (node.state !== 'unread' || node.placed) continue
      if (hasStartedHeir(node)) {
        node.state = 'finished'
        continue
      }
      node.start = this.lineage.parentOf(node)?.heirStart ?? this.#adoptedStart
      this.#unread.set(node, now)
    }
    this.#around.events.emit('discovered', { shardIds: fresh.map((node) => node.shardId) })
    for (const node of fresh) if (this.#unread.has(node)) this.#plan(node)
  }

  #plan(node: ShardNode): void {
    const now = this.#around.clock.now()
    const plan = planShard(node, this.lineage, this.#unread.get(node) ?? now, now)
    if (plan.do === 'wait') return
    if (plan.do === 'open' && plan.hiddenParentId !== undefined) {
      this.#around.events.emit('parentNotListed', { shardId: node.shardId, parentId: plan.hiddenParentId })
    }
    this.#openReader(node, plan.do === 'prefetch')
  }

  #openReader(node: ShardNode, held: boolean): ShardReader {
    const now = this.#around.clock.now()
    const parent = this.lineage.parentOf(node)
    if (parent && parent.reachedTime > node.reachedTime) node.reachedTime = parent.reachedTime
    if (parent && !node.placed) {
      const parentReader = this.#readers.get(parent)
      node.start = parentReader && parentReader.since === undefined ? 'start' : parent.heirStart
    }
    this.#unread.delete(node)
    node.state = 'reading'
    const reader = new ShardReader(node, held, now, this.#timeGranularityMs)
    this.#readers.set(node, reader)
    this.frontier.add(node)
    if (!held) this.#release(reader)
    this.#schedule.put(reader, now)
    return reader
  }

  /** Lets a shard into the merge. */
  #release(reader: ShardReader): void {
    const { node } = reader
    reader.held = false
    reader.queue.raise(this.lineage.parentOf(node)?.reachedTime ?? Number.NEGATIVE_INFINITY)
    this.buffer.release(reader.queue)
    this.#around.events.emit('shardOpened', { shardId: node.shardId, parentId: node.parentId })
    if (reader.phase === 'scheduled') this.#schedule.put(reader, 0)
    this.#block(reader)
    if (node.state === 'fetched' && reader.queue.length === 0) this.#finish(reader)
  }

  /** All of a shard was fetched. */
  #fetched(reader: ShardReader): void {
    const { node } = reader
    reader.phase = 'stopped'
    node.state = 'fetched'
    this.#block(reader)
    this.#endRoundsFor(reader)
    if (reader.queue.length === 0 && !reader.held) this.#finish(reader)
    else this.#lookForHeirs(node)
  }

  /** All of a shard was given out: its children come next. */
  #finish(reader: ShardReader): void {
    const { node } = reader
    node.state = 'finished'
    this.buffer.retire(reader.queue)
    this.#readers.delete(node)
    this.#blocking.delete(reader)
    this.#endRoundsFor(reader)
    this.#around.events.emit('shardFinished', { shardId: node.shardId })
    this.#lookForHeirs(node)
  }

  #lookForHeirs(node: ShardNode): void {
    for (const child of node.children) {
      const reader = this.#readers.get(child)
      if (reader?.held && node.state === 'finished') this.#release(reader)
      else if (this.#unread.has(child)) this.#plan(child)
    }
    if (node.children.length === 0 && !node.gone && !this.discovery.isDisabled) {
      this.discovery.search(node)
    }
  }

  /** A listing has told what it knows of a shard that was asked for. */
  #searched(node: ShardNode): void {
    const reader = this.#readers.get(node)
    if (reader?.phase === 'ending') this.#decideEnding(reader)
    if (node.children.length > 0 || node.gone || this.discovery.isDisabled) {
      this.discovery.stopSearch(node)
    } else if (reader && reader.phase !== 'ending' && node.state === 'reading') {
      // It is open after all.
      this.discovery.stopSearch(node)
    }
  }

  #decideEnding(reader: ShardReader): void {
    const { node } = reader
    const closed = node.closed || node.children.length > 0 || node.vanishedAt !== undefined
    if (closed || this.discovery.isDisabled) {
      this.#fetched(reader)
      return
    }
    // Emulators leave the next iterator out on open shards: go on after what was read.
    this.#again(reader, this.#idlePauseMs(reader))
  }

  #listingComplete(): void {
    if (this.#adoptedStart === undefined) return
    const now = this.#around.clock.now()
    this.lineage.forgetVanishedBefore(now - REMEMBER_VANISHED_MS)
    for (const node of [...this.#unread.keys()]) this.#plan(node)
    for (const reader of [...this.#readers.values()])
      if (reader.phase === 'ending') this.#searched(reader.node)
  }

  // ---- Reading -----------------------------------------------------------------------------------------------------

  /** Starts what is due, as far as connections and memory allow. */
  #pump(): void {
    if (this.#stop.signal.aborted || this.#gap || this.#streamGone !== undefined) return
    const now = this.#around.clock.now()
    while (this.#inFlight < this.#around.options.maxConcurrentReads) {
      const reader = this.#schedule.take(now, this.#budget.hasRoom(this.buffer.bytes))
      if (!reader) break
      void this.#read(reader, now)
    }
    this.discovery.kick(now)
    this.#setTimer(now)
  }

  async #read(reader: ShardReader, now: number): Promise<void> {
    reader.phase = 'reading'
    reader.askedAtMs = now
    reader.readNumber = ++this.#reads
    this.#inFlight++
    const page = this.#budget.reserve(this.#load())
    const outcome = await readShard(reader, page.limit, this.#readContext)
    this.#inFlight--
    page.release()
    if (this.#stop.signal.aborted) return
    if (outcome.kind === 'page') this.#take(reader, outcome.page, page.limit)
    else this.#callFailed(reader, outcome)
    this.#changed()
  }

  #take(reader: ShardReader, page: RecordPage, limit: number): void {
    const { records } = page
    const bytes = page.bytes ?? estimateBytes(page)
    this.#budget.learn(records.length, bytes)
    const first = reader.accept(records, this.#budget.isFull(records.length, bytes, limit))
    if (first < records.length) {
      this.buffer.push(reader.queue, {
        records,
        first,
        bytes,
        context: {
          shardId: reader.node.shardId,
          decode: page.decode,
          unmarshallOptions: this.#around.options.unmarshallOptions,
        },
      })
    }
    reader.failures = 0
    reader.failingSince = undefined
    reader.leftBehind = false
    reader.iterator = page.nextIterator
    if (reader.atTip || records.length > 0) this.#endRoundsFor(reader, reader.readNumber)
    if (page.nextIterator !== undefined) this.#scheduleNext(reader)
    else if (reader.node.closed || reader.node.children.length > 0 || this.discovery.isDisabled) {
      this.#fetched(reader)
    } else this.#ending(reader)
    this.#block(reader)
  }

  /** There is no next iterator, and no listing has said that the shard is closed. */
  #ending(reader: ShardReader): void {
    reader.phase = 'ending'
    this.#endRoundsFor(reader)
    this.discovery.stopSearch(reader.node)
    this.discovery.search(reader.node)
  }

  #scheduleNext(reader: ShardReader): void {
    if (reader.queue.length > 0 && this.#budget.isEnough(reader.queue.bytes, this.#load())) {
      reader.phase = 'resting'
      return
    }
    this.#schedule.put(reader, reader.atTip ? reader.askedAtMs + this.#pauseMs(reader) : 0)
  }

  /** The pause before a shard that had nothing is asked again: shorter while somebody waits for its answer. */
  #pauseMs(reader: ShardReader): number {
    for (const round of this.#rounds) {
      if (round.waitsFor.has(reader)) return this.#around.options.idlePollMs.min
    }
    return this.#idlePauseMs(reader)
  }

  #load(): BufferLoad {
    return {
      bufferedBytes: this.buffer.bytes,
      shards: this.buffer.shards + this.#blocking.size,
      inFlight: this.#inFlight,
    }
  }

  #idlePauseMs(reader: ShardReader): number {
    const { min, max } = this.#around.options.idlePollMs
    return Math.min(max, min * 1.5 ** Math.min(20, Math.max(0, reader.emptyPages - 1)))
  }

  /** The consumer has taken from a shard that rests, or has taken its last record. */
  #drained(reader: ShardReader, now: number): void {
    if (reader.queue.length === 0 && reader.node.state === 'fetched') {
      this.#finish(reader)
      return
    }
    if (reader.phase === 'resting' && !this.#budget.isEnough(reader.queue.bytes, this.#load())) {
      this.#schedule.put(reader, reader.atTip ? reader.askedAtMs + this.#pauseMs(reader) : now)
    } else if (
      reader.queue.length === 0 &&
      reader.phase === 'scheduled' &&
      !reader.atTip &&
      reader.failures === 0
    ) {
      this.#schedule.put(reader, now)
    }
    if (reader.queue.length === 0) this.#block(reader)
  }

  /** Brings the set of readers that the merge waits for up to date. */
  #block(reader: ShardReader): void {
    if (reader.blocks) this.#blocking.add(reader)
    else this.#blocking.delete(reader)
  }

  /** Nobody waits for this reader any more, or only those that began to after its read number `readNumber`. */
  #endRoundsFor(reader: ShardReader, readNumber = Number.POSITIVE_INFINITY): void {
    for (const round of this.#rounds) if (readNumber > round.after) round.waitsFor.delete(reader)
  }

  // ---- When a call fails -------------------------------------------------------------------------------------------

  #callFailed(reader: ShardReader, failed: Extract<ReadOutcome, { kind: 'failed' }>): void {
    const { error } = failed
    const kind = error instanceof CallTimeout ? 'retry' : classifyError(error)
    if (kind === 'expired') this.#iteratorExpired(reader, error)
    else if (kind === 'trimmed') this.#positionTrimmed(reader, failed)
    else if (kind === 'notFound') void this.#shardNotFound(reader, error)
    else if (kind === 'retry') this.#retry(reader, failed.operation, error)
    else if (kind === 'aborted') this.#again(reader, 0)
    // Not every emulator knows AT_SEQUENCE_NUMBER of a number that was never a record's.
    else if (failed.start && reader.refuseProbe(failed.start)) this.#again(reader, 0)
    else this.#failed(error, reader)
  }

  #iteratorExpired(reader: ShardReader, error: unknown): void {
    reader.dropIterator()
    // Expired at once when it was made a moment ago: something is wrong with the clock over there.
    if (reader.failures > 0) this.#retry(reader, 'GetRecords', error)
    else {
      reader.failures++
      this.#again(reader, 0)
    }
  }

  #retry(reader: ShardReader, operation: 'GetShardIterator' | 'GetRecords', error: unknown): void {
    const { clock, random, events } = this.#around
    const now = clock.now()
    reader.failures++
    reader.failingSince ??= now
    const delayMs = retryDelayMs(reader.failures, random)
    const { shardId } = reader.node
    events.emit('retry', { operation, shardId, attempt: reader.failures, delayMs, error })
    const failingForMs = now - reader.failingSince
    if (failingForMs >= LEFT_BEHIND_MS && !reader.leftBehind) {
      reader.leftBehind = true
      events.emit('leftBehind', { shardId, failingForMs, error })
      this.#endRoundsFor(reader)
    }
    this.#again(reader, delayMs)
  }

  #again(reader: ShardReader, delayMs: number): void {
    this.#schedule.put(reader, this.#around.clock.now() + delayMs)
    this.#block(reader)
  }

  /** The position in the shard, or all that it holds, is older than the oldest record that is left. */
  #positionTrimmed(reader: ShardReader, failed: Extract<ReadOutcome, { kind: 'failed' }>): void {
    const { node } = reader
    reader.dropIterator()
    const after = lastRead(node)
    if (!reader.promisesTrimmed(this.#around.clock.now())) {
      // The oldest that is left is asked for, and there is nothing: so DynamoDB Local answers until the next write.
      reader.atTip = true
      reader.emptyPages++
      reader.failures = 0
      this.#endRoundsFor(reader)
      this.#again(reader, this.#idlePauseMs(reader))
      return
    }
    if (!this.#tellGap(reader, 'position-trimmed', after, failed.error)) return
    node.fetched = undefined
    node.start = 'start'
    node.promised = false
    this.#again(reader, 0)
  }

  /** The service does not know the shard, or the whole stream is gone: DescribeStream tells which. */
  async #shardNotFound(reader: ShardReader, error: unknown): Promise<void> {
    try {
      await listShardPage(this.#listing, {})
      if (!this.#stop.signal.aborted) this.#shardVanished(reader, error)
    } catch (describeError) {
      if (this.#stop.signal.aborted) return
      this.#failed(describeError, reader)
    }
    this.#changed()
  }

  #shardVanished(reader: ShardReader, error: unknown): void {
    const { node } = reader
    const createdAt = shardCreatedAt(node.shardId)
    const isOld = createdAt === undefined || createdAt <= this.#around.clock.now() - RETENTION_MS
    if (!node.promised && node.fetched === undefined && isOld) {
      // The oldest that is left was asked for, and all of this shard is older.
      for (const child of node.children) child.promised = false
    } else if (!this.#tellGap(reader, 'shard-vanished', lastRead(node), error)) return
    node.closed = true
    this.#fetched(reader)
  }

  /** Tells of records that are gone. Returns whether to go on. */
  #tellGap(
    reader: ShardReader,
    reason: 'position-trimmed' | 'shard-vanished',
    after: string | undefined,
    cause: unknown,
  ): boolean {
    const { shardId } = reader.node
    this.#around.events.emit('gap', { shardId, after, reason })
    if (this.#around.options.onGap === 'continue') return true
    reader.phase = 'stopped'
    const what =
      reason === 'shard-vanished'
        ? `Shard ${shardId} is gone`
        : `The position in shard ${shardId} (${after === undefined ? 'its start' : `after ${after}`}) is older than the oldest record that is left`
    this.#gap = new StreamError(
      'records.trimmed',
      `${what}: records were trimmed before they were read. Move to another position, or set onGap to 'continue' to go on at the oldest record that is left.`,
      { shardId, after, reason },
      cause,
    )
    return false
  }

  #failed(error: unknown, reader: ShardReader | undefined): void {
    if (classifyError(error) === 'notFound') this.#streamGone = error
    else {
      this.#failure ??= { error, readers: [] }
      if (reader) {
        reader.phase = 'stopped'
        this.#failure.readers.push(reader)
      }
    }
    this.#changed()
  }

  #throwFailure(): void {
    const failure = this.#failure
    if (!failure) return
    this.#failure = undefined
    for (const reader of failure.readers) this.#again(reader, 0)
    throw failure.error
  }

  // ---- Waiting and waking -------------------------------------------------------------------------------------------

  /** Somebody wants records. After a long pause it is not known any more which shards have nothing left. */
  #demand(now: number): void {
    const pause = now - this.#lastDemandAt
    this.#lastDemandAt = now
    if (pause < TIP_DOUBTED_AFTER_MS) return
    for (const reader of this.#readers.values()) {
      if (!reader.atTip || reader.queue.length > 0 || now - reader.askedAtMs < TIP_DOUBTED_AFTER_MS) continue
      reader.doubtTip()
      if (reader.phase === 'scheduled' && reader.failures === 0) this.#schedule.put(reader, now)
      this.#block(reader)
    }
    this.#pump()
  }

  #changed(): void {
    this.#tellCaughtUp()
    this.#wake()
    this.#pump()
  }

  #tellCaughtUp(): void {
    if (this.#caughtUp || this.buffer.length > 0 || this.#blocking.size > 0 || this.#readers.size === 0)
      return
    for (const reader of this.#readers.values()) if (!reader.atTip) return
    this.#caughtUp = true
    this.#around.events.emit('caughtUp', { shards: this.#readers.size })
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  /** One timer, for what is due next, and only while somebody waits. */
  #setTimer(now: number): void {
    const dueAt =
      this.#waiting.length === 0
        ? Number.POSITIVE_INFINITY
        : Math.min(this.#nextReadAt(), this.discovery.nextDueAt)
    if (dueAt === this.#timerAt) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#timerAt = dueAt
    if (dueAt === Number.POSITIVE_INFINITY) return
    this.#cancelTimer = this.#around.clock.setTimer(Math.max(0, dueAt - now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#pump()
    })
  }

  #nextReadAt(): number {
    if (this.#inFlight >= this.#around.options.maxConcurrentReads) return Number.POSITIVE_INFINITY
    return this.#schedule.nextDueAt ?? Number.POSITIVE_INFINITY
  }
}

/** The last sequence number that was read of a shard, now or before the position was saved. */
function lastRead({ fetched, start }: ShardNode): string | undefined {
  return fetched ?? (typeof start === 'object' && 'after' in start ? start.after : undefined)
}

export function streamNotFound(streamArn: string, cause: unknown): StreamError<'stream.notFound'> {
  return new StreamError(
    'stream.notFound',
    `Stream ${streamArn} does not exist (any more). Its table may have been deleted, or the stream was disabled more than 24 hours ago; or the client asks another region or account.`,
    { streamArn },
    cause,
  )
}

function estimateBytes(page: RecordPage): number {
  let bytes = 0
  for (const record of page.records) bytes += 300 + sizeBytesOf(record)
  return bytes
}
