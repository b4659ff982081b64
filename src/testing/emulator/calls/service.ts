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
import type { CallContext, IteratorRegistry } from './context.ts'
import { ServiceFault } from './errors.ts'
import { decodeIterator } from './iterator.ts'
import type { Limits } from './limits.ts'
import { type ListedShards, type ListShardsRequest, listShards } from './list-shards.ts'
import { type ListedStreams, type ListStreamsRequest, listStreams } from './list-streams.ts'
import { type OpenIteratorRequest, openIterator } from './open-iterator.ts'
import { type ReadPage, readRecords } from './read-records.ts'

/** The calls of the service, including faults and latency, independent of how a client reaches it. */
export interface Service {
  listShards(request: ListShardsRequest, signal: AbortSignal): Promise<ListedShards>
  openIterator(request: OpenIteratorRequest, signal: AbortSignal): Promise<string>
  readRecords(request: GetRecordsRequest, signal: AbortSignal): Promise<ReadPage>
  listStreams(request: ListStreamsRequest, signal: AbortSignal): Promise<ListedStreams>
  /** Runs a call of DynamoDB's table API, subject to the same faults and latency. */
  runTableCall<T>(name: CallName, execute: (context: CallContext) => T, signal: AbortSignal): Promise<T>
  /** Returns the time on the service's clock, in ms. */
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
  readonly iterators: IteratorRegistry
  readonly limits: Limits
  readonly rules: Rules
  readonly latency: LatencySource | undefined
  readonly random: Random
  readonly log: (entry: LogEntry) => void
}

/** A call with its implementation and its log fields. */
interface ServiceCall<T> extends Call {
  /** The position in the request, for the log. */
  readonly position?: string | undefined
  readonly execute: (context: CallContext) => T
  /** Returns the log fields that depend on the result. */
  readonly resultFields?: (result: T) => Partial<LogEntry>
}

export function createService(parts: ServiceParts): Service {
  const { table, clock, rules, limits, log } = parts

  const contextFor = (effect: Effect | undefined): CallContext => {
    const behavior = effect ? { ...parts.behavior(), ...effect } : parts.behavior()
    return {
      table,
      behavior,
      now: clock.now() + behavior.clockSkewMs,
      visibility: parts.visibility,
      random: parts.random,
      iterators: parts.iterators,
    }
  }

  const logCall = (
    call: Call & { readonly position?: string | undefined },
    effect: Effect | undefined,
    fields: Partial<LogEntry>,
    error: string | undefined,
    sentAt: number | undefined,
  ) =>
    log({
      at: clock.now(),
      sentAt,
      op: call.name,
      shard: call.shard,
      position: fields.position ?? call.position,
      records: fields.records,
      through: fields.through,
      end: fields.end,
      shards: fields.shards,
      effect: effect && effectText(effect),
      error,
    })

  /**
   * Runs a call: waits for the latency of the request, applies the faults before the call, executes it, waits
   * for the latency of the response, and applies the faults after the call.
   */
  const run = async <T>(call: ServiceCall<T>, signal: AbortSignal): Promise<T> => {
    if (signal.aborted) throw abortError()
    const { requestMs = 0, responseMs = 0 } = parts.latency?.(call) ?? {}
    const sentAt = requestMs > 0 ? clock.now() : undefined
    if (requestMs > 0) await waitInTransit(requestMs, clock, signal)
    const effect = rules.match(call)
    const isInstant = effect === undefined && responseMs === 0
    let result: T
    try {
      if (effect) throwFaultBefore(effect)
      result = call.execute(contextFor(effect))
    } catch (error) {
      logCall(call, effect, {}, error instanceof Error ? error.name : String(error), sentAt)
      if (!isInstant) await waitForResponse(effect, responseMs, clock, signal)
      throw error
    }
    const fault = effect && faultAfter(effect, result)
    logCall(call, effect, call.resultFields?.(result) ?? {}, fault?.name, sentAt)
    if (!isInstant) await waitForResponse(effect, responseMs, clock, signal)
    if (fault) throw fault
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
          execute: (context) => {
            limits.describe(context.now, context.behavior)
            return listShards(context, request)
          },
          resultFields: ({ shards }) => ({ shards: shards.map(({ shardId }) => shardId) }),
        },
        signal,
      ),

    openIterator: (request, signal) =>
      run(
        {
          name: 'GetShardIterator',
          shard: request.shardId,
          position: formatStart(request.start),
          execute: (context) => openIterator(context, request),
        },
        signal,
      ),

    readRecords: ({ iterator: encoded, limit }, signal) => {
      const iterator = decodeIterator(encoded)
      const shard = iterator && table.findStream(iterator.streamArn)?.topology.shards[iterator.shard]
      return run(
        {
          name: 'GetRecords',
          shard: shard?.shardId,
          execute: (context) => {
            if (iterator && shard) limits.read(shard.shardId, iterator.reader, context.now, context.behavior)
            return readRecords(context, { iterator, limit })
          },
          resultFields: pageFields,
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
          execute: (context) => listStreams(context, request),
        },
        signal,
      ),

    runTableCall: (name, execute, signal) => run({ name, shard: undefined, execute }, signal),
  }
}

function pageFields({ shard, records, index, end }: ReadPage): Partial<LogEntry> {
  return {
    position: index === 0 ? 'start' : shard.records[index - 1]?.sequenceNumber,
    records: records.length,
    through: records[records.length - 1]?.sequenceNumber,
    end: end || undefined,
  }
}

function throwFaultBefore(effect: Effect): void {
  if (effect.reset === 'before') throw new ConnectionReset()
  if (effect.fail !== undefined) {
    const message = effect.message ?? `${effect.fail} (caused by a rule of the emulator)`
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
  if (delayMs > 0 || effect?.delayMs !== undefined) await waitInTransit(delayMs, clock, signal)
}

async function waitInTransit(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  await sleep(clock, delayMs, signal)
  if (signal.aborted) throw abortError()
}

/** Returns the error of a response that is lost or damaged after the service has processed the call. */
function faultAfter(effect: Effect, result: unknown): Error | undefined {
  if (effect.reset === 'after') return new ConnectionReset()
  return effect.body && new BrokenBody(effect.body, effect.statusCode ?? 200, result)
}

function formatStart(start: OpenIteratorRequest['start']): string {
  return start.sequenceNumber === undefined ? start.type : `${start.type} ${start.sequenceNumber}`
}
