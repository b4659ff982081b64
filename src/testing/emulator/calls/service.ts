import { type Clock, sleep } from '../../../core/clock.ts'
import type { Behavior } from '../behavior/behavior.ts'
import { type Effect, effectText } from '../faults/effect.ts'
import type { LatencySource } from '../faults/latency.ts'
import type { Call, CallName, Rules } from '../faults/rules.ts'
import { abortError, BrokenBody, ConnectionReset, untilAborted } from '../faults/transport.ts'
import type { LogEntry } from '../state/log.ts'
import type { Random } from '../state/random.ts'
import type { Table } from '../state/table.ts'
import type { Visibility } from '../state/visibility.ts'
import type { CallContext, IteratorLives } from './context.ts'
import { ServiceFault } from './errors.ts'
import { decodeIterator } from './iterator.ts'
import type { Limits } from './limits.ts'
import { type ListedShards, type ListShardsRequest, listShards } from './list-shards.ts'
import { type ListedStreams, type ListStreamsRequest, listStreams } from './list-streams.ts'
import { type OpenIteratorRequest, openIterator } from './open-iterator.ts'
import { type ReadPage, readRecords } from './read-records.ts'

/** The calls of the service, with faults, before they are put into anybody's form. */
export interface Service {
  listShards(request: ListShardsRequest, signal: AbortSignal): Promise<ListedShards>
  openIterator(request: OpenIteratorRequest, signal: AbortSignal): Promise<string>
  readRecords(request: GetRecordsRequest, signal: AbortSignal): Promise<ReadPage>
  listStreams(request: ListStreamsRequest, signal: AbortSignal): Promise<ListedStreams>
  /** Runs a call of another service on the same table, with the same faults. */
  perform<T>(name: CallName, act: (context: CallContext) => T, signal: AbortSignal): Promise<T>
  /** The service's clock, in ms. */
  now(): number
}

export interface GetRecordsRequest {
  readonly iterator: string
  readonly limit?: number | undefined
}

export interface ServiceParts {
  readonly table: Table
  readonly clock: Clock
  readonly behavior: () => Behavior
  readonly visibility: Visibility
  readonly iterators: IteratorLives
  readonly limits: Limits
  readonly rules: Rules
  readonly latency: LatencySource | undefined
  readonly random: Random
  readonly log: (entry: LogEntry) => void
}

/** One call, for {@link createService} to run. */
interface Job<T> extends Call {
  /** What the log says of the request. */
  readonly position?: string | undefined
  readonly act: (context: CallContext) => T
  /** What the log says of the result. */
  readonly facts?: (result: T) => Partial<LogEntry>
}

export function createService(parts: ServiceParts): Service {
  const { table, clock, rules, limits, log } = parts

  const contextFor = (effect: Effect | undefined): CallContext => {
    const behavior = effect ? { ...parts.behavior(), ...effect } : parts.behavior()
    return {
      table,
      behavior: behavior,
      now: clock.now() + behavior.clockSkewMs,
      visibility: parts.visibility,
      random: parts.random,
      iterators: parts.iterators,
    }
  }

  const enter = (
    job: Call & { readonly position?: string | undefined },
    effect: Effect | undefined,
    facts: Partial<LogEntry>,
    error: string | undefined,
    sentAt: number | undefined,
  ) =>
    log({
      at: clock.now(),
      sentAt,
      op: job.name,
      shard: job.shard,
      position: facts.position ?? job.position,
      records: facts.records,
      through: facts.through,
      end: facts.end,
      shards: facts.shards,
      effect: effect && effectText(effect),
      error,
    })

  /** The way to the service, faults before the call, the call itself, faults after it, and the way back. */
  const run = async <T>(job: Job<T>, signal: AbortSignal): Promise<T> => {
    if (signal.aborted) throw abortError()
    const { requestMs = 0, responseMs = 0 } = parts.latency?.(job) ?? {}
    const sentAt = requestMs > 0 ? clock.now() : undefined
    if (requestMs > 0) await travel(requestMs, clock, signal)
    const effect = rules.match(job)
    const isInstant = effect === undefined && responseMs === 0
    let result: T
    try {
      if (effect) failBefore(effect)
      result = job.act(contextFor(effect))
    } catch (error) {
      enter(job, effect, {}, error instanceof Error ? error.name : String(error), sentAt)
      if (!isInstant) await waitForResponse(effect, responseMs, clock, signal)
      throw error
    }
    const lost = effect && faultAfter(effect, result)
    enter(job, effect, job.facts?.(result) ?? {}, lost?.name, sentAt)
    if (!isInstant) await waitForResponse(effect, responseMs, clock, signal)
    if (lost) throw lost
    return result
  }

  return {
    now: () => clock.now() + parts.behavior().clockSkewMs,

    listShards: (request, signal) =>
      run(
        {
          name: 'DescribeStream',
          shard: request.childrenOf,
          position: request.exclusiveStartShardId,
          act: (context) => {
            limits.describe(context.now, context.behavior)
            return listShards(context, request)
          },
          facts: ({ shards }) => ({ shards: shards.map(({ shardId }) => shardId) }),
        },
        signal,
      ),

    openIterator: (request, signal) =>
      run(
        {
          name: 'GetShardIterator',
          shard: request.shardId,
          position: startText(request.start),
          act: (context) => openIterator(context, request),
        },
        signal,
      ),

    readRecords: ({ iterator: text, limit }, signal) => {
      const iterator = decodeIterator(text)
      const shard = iterator && table.findStream(iterator.streamArn)?.topology.shards[iterator.shard]
      return run(
        {
          name: 'GetRecords',
          shard: shard?.shardId,
          act: (context) => {
            if (iterator && shard) limits.read(shard.shardId, iterator.reader, context.now, context.behavior)
            return readRecords(context, { iterator, limit })
          },
          facts: pageFacts,
        },
        signal,
      )
    },

    listStreams: (request, signal) =>
      run(
        {
          name: 'ListStreams',
          shard: undefined,
          position: request.exclusiveStartStreamArn,
          act: (context) => listStreams(context, request),
        },
        signal,
      ),

    perform: (name, act, signal) => run({ name, shard: undefined, act }, signal),
  }
}

function pageFacts({ shard, records, index, end }: ReadPage): Partial<LogEntry> {
  return {
    position: index === 0 ? 'start' : shard.records[index - 1]?.sequenceNumber,
    records: records.length,
    through: records[records.length - 1]?.sequenceNumber,
    end: end || undefined,
  }
}

function failBefore(effect: Effect): void {
  if (effect.reset === 'before') throw new ConnectionReset()
  if (effect.fail !== undefined) {
    const message = effect.message ?? `${effect.fail} by a rule of the emulator`
    throw new ServiceFault(effect.fail, message, effect.statusCode)
  }
}

async function waitForResponse(
  effect: Effect | undefined,
  responseMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (effect?.hang) await untilAborted(signal)
  const delayMs = responseMs + (effect?.delayMs ?? 0)
  if (delayMs > 0 || effect?.delayMs !== undefined) await travel(delayMs, clock, signal)
}

async function travel(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  await sleep(clock, delayMs, signal)
  if (signal.aborted) throw abortError()
}

/** How the answer gets lost on its way, after the service has acted. */
function faultAfter(effect: Effect, result: unknown): Error | undefined {
  if (effect.reset === 'after') return new ConnectionReset()
  return effect.body && new BrokenBody(effect.body, effect.statusCode ?? 200, result)
}

function startText(start: OpenIteratorRequest['start']): string {
  return start.sequenceNumber === undefined ? start.type : `${start.type} ${start.sequenceNumber}`
}
