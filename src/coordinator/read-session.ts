import { setMaxListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import type { ServiceClock } from '../core/service-clock.ts'
import { isOnDynamoDBLocal } from '../core/stream-arn.ts'
import { RecordBuffer } from '../merge/record-buffer.ts'
import type { StreamToken } from '../position/token.ts'
import { estimateBytes, invalidPage, isValidPage } from '../reader/check-page.ts'
import { PageBudget } from '../reader/page-budget.ts'
import { ReadPump } from '../reader/read-pump.ts'
import { isTrimHorizonReadable, type ReadContext, type ReadOutcome } from '../reader/read-shard.ts'
import type { ShardReader, SharedContext } from '../reader/shard-reader.ts'
import type { Action, FailedCall, Outcome, Retry } from '../reader/step.ts'
import type { NewShardStart } from '../shards/seek.ts'
import type { ShardNode } from '../shards/shard.ts'
import { ShardForest } from '../shards/shard-forest.ts'
import type { Delivery } from '../shards/shard-ledger.ts'
import { classifyError } from '../streams-api/classify-error.ts'
import { checkStreamExists, type ListingContext } from '../streams-api/list-all-shards.ts'
import type { RateLimit } from '../streams-api/rate-limit.ts'
import type { RecordPage, StreamsApi } from '../streams-api/streams-api.ts'
import { createdAtMsOf } from '../wire/record-fields.ts'
import type { WireRecord } from '../wire/wire-record.ts'
import { BlockingErrors } from './blocking-errors.ts'
import { BlockingReaders } from './blocking-readers.ts'
import { CONSUMER_AWAY_MS, ConsumerPresence } from './consumer-presence.ts'
import { Discovery } from './discovery.ts'
import type { CoordinatorEvents } from './events.ts'
import { Frontier } from './frontier.ts'
import { lagOf, type StreamLag } from './lag.ts'
import { openIteratorsAtLatest } from './open-at-latest.ts'
import type { ReadingOptions } from './options.ts'
import { ShardSequencer } from './shard-sequencer.ts'
import { WakeTimer } from './wake-timer.ts'

/**
 * How many records that a loaded token shows as settled are skipped before the event loop gets a turn. One is
 * skipped in a few µs.
 */
const SKIPPED_PER_TURN = 1_000

/** An iterator that has less than this left (ms) is renewed by a heartbeat. */
const RENEW_BEFORE_EXPIRY_MS = 5 * 60_000

/** What all sessions of a `Coordinator` share. */
export interface SessionContext {
  readonly api: StreamsApi
  readonly streamArn: string
  readonly options: ReadingOptions
  readonly clock: Clock
  readonly serviceClock: ServiceClock
  readonly random: () => number
  readonly events: Emitter<CoordinatorEvents>
  readonly describeLimit: RateLimit
}

/** One poll of all shards, for a caller that waits to learn whether there is anything new. */
export interface PollRound {
  /** Reads up to this number started before the round, and do not count. */
  readonly after: number
  /** The shards that have not been polled yet. */
  readonly remaining: ShardReader[]
}

/**
 * Reads all shards from one position: the sequencer opens shards, the pump reads them, the buffer merges
 * their records, and {@link nextDelivery} delivers them. `moveTo` creates a new session and stops the old
 * one, so that nothing of one position can leak into another.
 *
 * @internal
 */
export class ReadSession {
  readonly forest: ShardForest = new ShardForest()
  readonly buffer: RecordBuffer = new RecordBuffer()
  readonly #context: SessionContext
  readonly #stop = new AbortController()
  readonly #calls: ReadContext
  readonly #listing: ListingContext
  readonly #frontier = new Frontier(this.forest)
  readonly #discovery: Discovery
  readonly #sequencer: ShardSequencer
  readonly #budget: PageBudget
  readonly #pump: ReadPump
  readonly #errors: BlockingErrors
  readonly #wakeTimer: WakeTimer
  readonly #presence: ConsumerPresence
  readonly #blocking = new BlockingReaders()
  /** Readers that are not at the tip, or are failing. */
  readonly #behind = new Set<ShardReader>()
  /** The round that a caller is waiting for. */
  #round: PollRound | undefined
  /** How many callers are waiting for records, not counting heartbeats. */
  #waiting = 0
  #hasReportedCaughtUp = false
  /** Whether {@link nextDelivery} stopped although the next records are buffered. */
  #hasMoreToSkip = false
  /** The entries of the loaded token whose records were trimmed, in shards that are finished. */
  #lostUnsettled = 0
  #streamCheck: Promise<unknown> | undefined

  constructor(context: SessionContext) {
    const { api, streamArn, options, clock, serviceClock, random, events, describeLimit } = context
    const { signal } = this.#stop
    // Each call that waits to be retried adds a listener, possibly more than the ten for which Node warns.
    setMaxListeners(0, signal)
    this.#context = context
    this.#errors = new BlockingErrors(streamArn)
    this.#wakeTimer = new WakeTimer(clock, () => this.#run())
    this.#presence = new ConsumerPresence(clock)
    this.#calls = { api, streamArn, clock, serviceClock, signal }
    this.#listing = {
      ...this.#calls,
      random,
      limit: describeLimit,
      onRetry: (retry) => events.emit('retry', { operation: 'DescribeStream', ...retry }),
    }
    this.#budget = new PageBudget(options)
    this.#pump = new ReadPump({
      context: this.#calls,
      budget: this.#budget,
      maxConcurrentReads: options.maxConcurrentReads,
      bufferedBytes: () => this.buffer.bytes,
      shardsInNeed: () => this.buffer.shards + this.#blocking.size,
      onRead: (reader, outcome, limit) => this.#onRead(reader, outcome, limit),
    })
    this.#discovery = new Discovery(this.#listing, this.forest, options.discoveryIntervalMs, {
      onShards: (fresh) => this.#sequencer.addDiscovered(fresh),
      onListed: () => this.#onListed(),
      onSearched: (node, wasListed) => this.#onSearched(node, wasListed),
      hasBuffered: (node) => (this.#sequencer.readers.get(node)?.queue.length ?? 0) > 0,
      isReading: () => this.#sequencer.readers.size > 0,
      presentSince: () => this.#presence.sinceAt(clock.monotonic()),
      onFailed: (error) => this.#fail(error, undefined),
      onChanged: () => this.#changed(),
    })
    this.#sequencer = new ShardSequencer({
      forest: this.forest,
      frontier: this.#frontier,
      serviceClock,
      events,
      // DynamoDB Local truncates the times of records to the minute.
      timeGranularityMs: isOnDynamoDBLocal(streamArn) ? 60_000 : 1_000,
      onReaderChange: (reader) => this.#readerChanged(reader),
      listener: {
        onOpened: (reader) => this.#pump.schedule(reader, clock.monotonic()),
        onReleased: (reader) => this.#onReleased(reader),
        onFinished: (reader) => this.#onFinished(reader),
        onTrimmedUnlisted: (shardId) =>
          void this.#reportGap({ shardId, after: undefined, reason: 'shard-vanished' }, undefined),
        onChildrenWanted: (node) => {
          if (!node.expired) this.#discovery.search(node, true)
        },
      },
    })
  }

  // ---- Start and end --------------------------------------------------------------------------------------

  /** Lists the shards for the first time. Returns when the listing started (monotonic ms). */
  list(): Promise<number> {
    return this.#discovery.listAll()
  }

  /**
   * Starts reading, once the shards are listed and the position is applied to the forest.
   *
   * @param newShardStart - where to start in a shard that has no known parent and is listed later.
   * @param listedAt - when the listing started (monotonic ms).
   * @param newestKnown - shards created after this time (ms) did not exist when the position was taken.
   */
  async start(
    newShardStart: NewShardStart,
    listedAt: number,
    newestKnown: number | undefined,
  ): Promise<void> {
    // A token may name parents that no listing shows.
    const { clock, serviceClock } = this.#context
    this.forest.updateHiddenParents(listedAt, clock.monotonic(), serviceClock.now())
    await this.#sequencer.start(newShardStart, newestKnown)
    this.#discovery.start()
  }

  /** Opens the iterators of all shards with LATEST, so that every record written from now on is read. */
  openAtLatest(): Promise<void> {
    const { events, random, options } = this.#context
    return openIteratorsAtLatest(this.#sequencer.readers.values(), {
      context: this.#calls,
      random,
      concurrency: options.maxConcurrentReads,
      onRetry: (shardId, retry) => events.emit('retry', { operation: 'GetShardIterator', shardId, ...retry }),
    })
  }

  /** Aborts all calls in flight. Responses that arrive later are ignored. */
  stop(reason: unknown): void {
    this.#stop.abort(reason)
    this.#wakeTimer.cancel()
    this.#wakeTimer.wake()
  }

  // ---- State ----------------------------------------------------------------------------------------------

  /** The position that covers every acknowledged record, and no other. */
  get token(): StreamToken {
    return this.#frontier.token(this.#context.streamArn)
  }

  /** Whether the stream is disabled and all of its records were delivered. */
  get hasEnded(): boolean {
    return this.#discovery.isOver && this.#sequencer.isFinished
  }

  /** The readers of all open shards, including those whose records are held back. */
  readers(): Iterable<ShardReader> {
    return this.#sequencer.readers.values()
  }

  lag(): StreamLag {
    const { clock, options, serviceClock } = this.#context
    return lagOf({
      readers: this.#sequencer.readers,
      nodes: this.#frontier.nodes(),
      isOver: this.#discovery.isOver,
      serviceNow: serviceClock.now(),
      now: clock.monotonic(),
      longestPauseMs: options.idlePollMs.max,
    })
  }

  /** The number of unsettled records, or keys of them, in the loaded token that were trimmed. */
  get lostUnsettled(): number {
    let lost = this.#lostUnsettled
    for (const { node } of this.readers()) lost += node.ledger.lostUnsettled
    return lost
  }

  /**
   * How many shards are remembered. This depends on the shards of the last day, not on the stream's age.
   */
  get memory(): { readonly shards: number; readonly frontier: number; readonly missingParents: number } {
    return {
      shards: this.forest.size,
      frontier: this.#frontier.size,
      missingParents: this.forest.missingParents,
    }
  }

  // ---- Delivery -------------------------------------------------------------------------------------------

  /**
   * Delivers the next record. Records that a loaded token shows as settled are skipped. Returns undefined if
   * none can be delivered now.
   *
   * @throws an error that blocks reading.
   */
  nextDelivery(): Delivery | undefined {
    const now = this.#context.clock.monotonic()
    this.#throwErrors(now)
    if (this.#noticeConsumer(now)) this.#run()
    for (let skipped = 0; ; skipped++) {
      const queue = this.buffer.next
      if (queue === undefined || (this.#mayPrecede(queue.headTime) && !this.#errors.isStreamGone)) {
        this.#errors.throwIfStreamGone()
        return undefined
      }
      if (skipped === SKIPPED_PER_TURN) {
        this.#hasMoreToSkip = true
        return undefined
      }
      const record = this.buffer.takeOldest()
      this.#hasReportedCaughtUp = false
      const delivery = queue.node.ledger.deliverUnlessSettled(record, queue.sequenceNumber)
      const reader = this.#sequencer.readers.get(queue.node) as ShardReader
      if (queue.length === 0 || (reader.phase === 'prefetched' && !this.#pump.isPrefetched(reader)))
        this.#onDrained(reader)
      if (this.#pump.hasDue(now) || this.#discovery.nextDueAt <= now) this.#run()
      if (delivery) return delivery
    }
  }

  /** Whether a shard without buffered records may contain one that has to be delivered before `time` (ms). */
  #mayPrecede(time: number): boolean {
    return this.#blocking.mayPrecede(time) || this.#discovery.mayPrecede(time)
  }

  #throwErrors(now: number): void {
    const failure = this.#errors.takeError()
    if (failure) throw failure.error
    for (const reader of this.#errors.takeStopped()) this.#pump.schedule(reader, now)
    this.#discovery.resume()
  }

  /**
   * Registers that the consumer requests records. If it was away, or the process was suspended, records may
   * have been written to any shard since. Returns whether that is the case.
   */
  #noticeConsumer(now: number): boolean {
    const absence = this.#presence.notice(now)
    if (absence === 'none') return false
    for (const reader of this.readers()) {
      if (absence === 'away' && now - reader.respondedAt < CONSUMER_AWAY_MS) continue
      reader.invalidateTip(this.#pump.reads)
      // An end check that started before the pause does not show what was written since: read again.
      const isIdle = reader.phase === 'scheduled' || reader.phase === 'checkingEnd'
      if (isIdle && !reader.isFailing) this.#pump.schedule(reader, now)
    }
    return true
  }

  /** Called when all buffered records of a shard were delivered, or enough that it can be read again. */
  #onDrained(reader: ShardReader): void {
    if (reader.queue.length === 0 && reader.node.state === 'fetched') {
      this.#sequencer.finish(reader)
      return
    }
    const dueAt = reader.drained(this.#sharedContext(reader))
    if (dueAt !== undefined) this.#pump.schedule(reader, dueAt)
  }

  // ---- Poll rounds: is there anything new? ----------------------------------------------------------------

  /** Schedules a poll of every shard that the caller has to wait for, as soon as its rate limit allows. */
  startRound(): PollRound {
    const remaining = [...this.readers()].filter(
      ({ isHeld, isStalled, phase }) =>
        !isHeld && !isStalled && phase !== 'stopped' && phase !== 'checkingEnd',
    )
    const round = { after: this.#pump.reads, remaining }
    this.#round = round
    for (const reader of remaining) {
      const dueAt = reader.dueForCaller(this.#sharedContext(reader))
      if (dueAt !== undefined) this.#pump.schedule(reader, dueAt)
    }
    return round
  }

  /** Whether all shards of the round were polled, and no record can be delivered. */
  isOver(round: PollRound): boolean {
    if (this.buffer.next !== undefined || this.#blocking.size > 0) return false
    return isPolled(round) && !this.#discovery.isAwaited
  }

  endRound(): void {
    this.#round = undefined
  }

  /** Waits for a change when all shards of a round have been polled, for at most `idlePollMs.min`. */
  async pause(): Promise<void> {
    const { clock, options } = this.#context
    const over = new AbortController()
    const cancelTimer = clock.setTimer(options.idlePollMs.min, () => over.abort())
    await this.progress(over.signal)
    cancelTimer()
  }

  /**
   * Renews the iterators that would expire soon. Resolves when each has been renewed, or the attempt failed.
   */
  async renewIterators(): Promise<void> {
    const now = this.#context.clock.monotonic()
    const expiresSoon = ({ iteratorExpiresAt }: ShardReader) =>
      iteratorExpiresAt !== undefined && iteratorExpiresAt <= now + RENEW_BEFORE_EXPIRY_MS
    const remaining: ShardReader[] = []
    for (const reader of this.readers()) {
      if (!expiresSoon(reader)) continue
      if (reader.phase !== 'prefetched' && reader.phase !== 'scheduled') continue
      // The next read can open a new iterator after the buffered records. A read now could need more memory.
      if (reader.queue.length > 0) reader.dropIterator()
      else remaining.push(reader)
    }
    for (const reader of remaining) this.#pump.scheduleRenewal(reader, now)
    while (!this.#stop.signal.aborted && !this.#errors.isFinal) {
      const reader = remaining.at(-1)
      if (!reader) return
      // One read is enough. To learn whether there is anything new may take several, and more memory.
      if (reader.isFailing || !expiresSoon(reader)) remaining.pop()
      else await this.#change()
    }
  }

  // ---- Reads ----------------------------------------------------------------------------------------------

  #onRead(reader: ShardReader, outcome: ReadOutcome, limit: number): void {
    if (outcome.kind === 'failed') this.#step(reader, outcome)
    else this.#step(reader, this.#admit(reader, outcome.page, limit))
  }

  /** Adds the records of a page to the buffer, before any state changes. */
  #admit(reader: ShardReader, page: RecordPage, limit: number): Outcome {
    const { options, streamArn } = this.#context
    if (!isValidPage(page)) {
      return { kind: 'failed', failed: { operation: 'GetRecords', error: invalidPage() } }
    }
    const records = page.lazyRecords ?? page.records
    const bytes = page.bytes ?? estimateBytes(page)
    this.#budget.observe(records.length, bytes)
    if (reader.lacksUnsettled(records)) return { kind: 'unsettledTrimmed' }
    const first = reader.admit(records)
    const { decode } = page
    const { unmarshallOptions } = options
    const context = { shardId: reader.node.shardId, streamArn, decode, unmarshallOptions }
    this.buffer.push(reader.queue, { records, first, bytes, context })
    const last = records.length === 0 ? undefined : (records.at(records.length - 1) as WireRecord)
    return {
      kind: 'page',
      records: records.length,
      admitted: records.length - first,
      isFull: this.#budget.isFull(records.length, bytes, limit),
      newestAt: last && createdAtMsOf(last),
      nextIterator: page.nextIterator,
    }
  }

  /** Applies an outcome to a reader, and performs the action that follows. */
  #step(reader: ShardReader, outcome: Outcome): void {
    const action = reader.step(outcome, this.#sharedContext(reader))
    if (action) this.#perform(reader, action)
    this.#changed()
  }

  #perform(reader: ShardReader, action: Action): void {
    const { node } = reader
    switch (action.do) {
      case 'read':
        if (action.retry) this.#reportRetry(node, action.retry)
        this.#pump.schedule(reader, action.at)
        break
      case 'pause':
        break
      case 'checkEnd':
        this.#discovery.search(node, action.isFirstCheck)
        break
      case 'finish':
        this.#sequencer.fetched(reader)
        break
      case 'expire':
        // A child that may also have lost records when the position was taken need not be complete either.
        for (const child of node.children) if (!this.#sequencer.wasWhole(child)) child.mustBeComplete = false
        this.#expire(reader)
        break
      case 'probeTrimHorizon':
        void this.#probeTrimHorizon(reader, action.failed)
        break
      case 'describeStream':
        void this.#describeStream(reader, action.failed)
        break
      case 'reportGap': {
        const gap = { shardId: node.shardId, after: reader.lastRead, reason: action.reason }
        if (!this.#reportGap(gap, action.cause)) break
        if (action.reason === 'shard-vanished') this.#expire(reader)
        else {
          reader.resetToTrimHorizon()
          this.#pump.schedule(reader, this.#context.clock.monotonic())
        }
        break
      }
      case 'fail':
        this.#fail(action.error, reader)
    }
  }

  #sharedContext(reader: ShardReader): SharedContext {
    const { clock, options, random, serviceClock } = this.#context
    const now = clock.monotonic()
    return {
      now,
      presentSince: this.#presence.sinceAt(now),
      serviceNow: serviceClock.now(),
      serviceNowAtMost: serviceClock.atMost(),
      random,
      idlePollMs: options.idlePollMs,
      awaitedAfter: this.#round?.after,
      isPrefetched: this.#pump.isPrefetched(reader),
    }
  }

  /** Ends a shard that the service no longer knows. */
  #expire(reader: ShardReader): void {
    reader.node.closed = true
    this.#sequencer.fetched(reader)
  }

  async #probeTrimHorizon(reader: ShardReader, failed: FailedCall): Promise<void> {
    const outcome = await isTrimHorizonReadable(reader, this.#calls).then(
      (isReadable): Outcome => ({ kind: 'trimHorizonProbed', isReadable }),
      (error: unknown): Outcome => ({ kind: 'failed', failed: { ...failed, error } }),
    )
    if (!this.#stop.signal.aborted) this.#step(reader, outcome)
  }

  /** One call serves all shards that were not found while it is in flight. */
  async #describeStream(reader: ShardReader, failed: FailedCall): Promise<void> {
    this.#streamCheck ??= checkStreamExists(this.#listing).finally(() => {
      this.#streamCheck = undefined
    })
    const outcome = await this.#streamCheck.then(
      (): Outcome => ({ kind: 'streamExists', failed }),
      (error: unknown): Outcome => ({ kind: 'failed', failed: { operation: 'DescribeStream', error } }),
    )
    if (!this.#stop.signal.aborted) this.#step(reader, outcome)
  }

  // ---- Reports --------------------------------------------------------------------------------------------

  #reportRetry({ shardId }: ShardNode, { stalledForMs, ...retry }: Retry): void {
    const { events } = this.#context
    events.emit('retry', { ...retry, shardId })
    if (stalledForMs === undefined) return
    events.emit('shardStalled', { shardId, failingForMs: stalledForMs, error: retry.error })
  }

  /** Reports trimmed records. Returns whether reading continues. */
  #reportGap(gap: CoordinatorEvents['gap'], cause: unknown): boolean {
    const { events, options } = this.#context
    events.emit('gap', gap)
    if (options.onGap === 'continue') return true
    this.#errors.gap(gap, cause)
    return false
  }

  /** Keeps an error until it can be thrown to the caller; `reader` is not read until then. */
  #fail(error: unknown, reader: ShardReader | undefined): void {
    if (classifyError(error) === 'notFound') this.#errors.streamGone(error)
    else this.#errors.fail(error, reader)
  }

  #reportCaughtUp(): void {
    const shards = this.#sequencer.readers.size
    if (this.#hasReportedCaughtUp || shards === 0 || this.#behind.size > 0) return
    if (this.buffer.length > 0 || this.#blocking.size > 0) return
    this.#hasReportedCaughtUp = true
    this.#context.events.emit('caughtUp', { shards })
  }

  // ---- Changes of shards ----------------------------------------------------------------------------------

  #onReleased(reader: ShardReader): void {
    this.buffer.release(reader.queue)
    if (reader.phase === 'scheduled') this.#pump.schedule(reader, this.#context.clock.monotonic())
  }

  #onFinished(reader: ShardReader): void {
    this.#lostUnsettled += reader.node.ledger.lostUnsettled
    this.buffer.retire(reader.queue)
    this.#blocking.delete(reader)
    this.#behind.delete(reader)
  }

  #onListed(): void {
    this.#sequencer.planAll()
    this.#frontier.pruneAll()
  }

  #onSearched(node: ShardNode, wasListed: boolean): void {
    if (node.children.length > 0 || node.expired) this.#discovery.stopSearch(node)
    const reader = this.#sequencer.readers.get(node)
    const isListedAsOpen = wasListed && !node.hasEnded && reader?.phase === 'checkingEnd'
    if (isListedAsOpen) this.#discovery.stopSearch(node)
    if (reader) this.#step(reader, { kind: 'endChecked', wasListed })
  }

  /** Called after each change of a reader. */
  #readerChanged(reader: ShardReader): void {
    this.#blocking.update(reader)
    if (reader.atTip && !reader.isFailing) this.#behind.delete(reader)
    else this.#behind.add(reader)
    this.#pump.update(reader)
  }

  // ---- Waiting and running --------------------------------------------------------------------------------

  /** Waits, for a consumer, until something changes, the session is stopped, or `signal` aborts. */
  async progress(signal?: AbortSignal): Promise<void> {
    if (this.#hasMoreToSkip) {
      this.#hasMoreToSkip = false
      await nextTurn()
      return
    }
    this.#waiting++
    await this.#change(signal)
    this.#waiting--
  }

  #change(signal?: AbortSignal): Promise<void> {
    if (this.#stop.signal.aborted || signal?.aborted) return Promise.resolve()
    const changed = this.#wakeTimer.wait(signal)
    this.#run()
    return changed
  }

  /** Starts the calls that are due. */
  #run(): void {
    if (this.#stop.signal.aborted || this.#errors.isFinal) return
    const now = this.#context.clock.monotonic()
    // Without a consumer, a response must not lead to further calls.
    if (!this.#wakeTimer.isAwaited && this.#presence.isAway(now)) return
    if (this.#waiting > 0) this.#noticeConsumer(now)
    this.#pump.run(now)
    this.#discovery.run(now)
    const nextReadAt = this.#pump.nextDueAt ?? Number.POSITIVE_INFINITY
    this.#wakeTimer.set(Math.min(nextReadAt, this.#discovery.nextDueAt, now + CONSUMER_AWAY_MS / 2), now)
  }

  /** Called after any change: wakes waiting callers, which check whether they can proceed, and continues. */
  #changed(): void {
    if (this.#stop.signal.aborted) return
    this.#reportCaughtUp()
    this.#wakeTimer.wake()
    this.#run()
  }
}

/** Whether every shard of a round was polled. Removes those that were from `remaining`. */
function isPolled({ after, remaining }: PollRound): boolean {
  while (remaining.at(-1)?.hasPolledSince(after)) remaining.pop()
  return remaining.length === 0
}
