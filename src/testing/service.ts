import { type Clock, sleep } from '../clock.ts'
import type { Behaviour } from './behaviour.ts'
import type { CallContext, IteratorLives } from './calls/context.ts'
import { ServiceFault } from './calls/errors.ts'
import { type ListedShards, type ListShardsRequest, listShards } from './calls/list-shards.ts'
import { type ListedStreams, type ListStreamsRequest, listStreams } from './calls/list-streams.ts'
import { type OpenIteratorRequest, openIterator } from './calls/open-iterator.ts'
import { iteratorShard, type ReadPage, type ReadRecordsRequest, readRecords } from './calls/read-records.ts'
import { type Effect, effectText } from './faults/effect.ts'
import type { Call, CallName, Rules } from './faults/rules.ts'
import { abortError, BrokenBody, ConnectionReset, untilAborted } from './faults/transport.ts'
import type { Visibility } from './faults/visibility.ts'
import type { LogEntry } from './log.ts'
import type { Random } from './world/random.ts'
import type { Table } from './world/table.ts'

/** The calls of the service, with faults, before they are put into anybody's form. */
export interface Service {
  listShards(request: ListShardsRequest, signal: AbortSignal): Promise<ListedShards>
  openIterator(request: OpenIteratorRequest, signal: AbortSignal): Promise<string>
  readRecords(request: ReadRecordsRequest, signal: AbortSignal): Promise<ReadPage>
  listStreams(request: ListStreamsRequest, signal: AbortSignal): Promise<ListedStreams>
  /** Runs a call of another service on the same table, with the same faults. */
  perform<T>(name: CallName, act: (context: CallContext) => T, signal: AbortSignal): Promise<T>
  /** The service's clock, in ms. */
  now(): number
}

export interface ServiceParts {
  readonly table: Table
  readonly clock: Clock
  readonly behaviour: () => Behaviour
  readonly visibility: Visibility
  readonly iterators: IteratorLives
  readonly rules: Rules
  readonly random: Random
  readonly log: (entry: LogEntry) => void
}

type Facts = Omit<LogEntry, 'at' | 'op' | 'effect' | 'error'>

export function createService(parts: ServiceParts): Service {
  const { table, clock, rules, log } = parts

  const contextFor = (effect: Effect | undefined): CallContext => {
    const behaviour = effect ? { ...parts.behaviour(), ...effect } : parts.behaviour()
    return {
      table,
      behaviour,
      now: clock.now() + behaviour.clockSkewMs,
      visibility: parts.visibility,
      random: parts.random,
      iterators: parts.iterators,
    }
  }

  /** One call: faults before, the call itself, faults after. */
  const run = async <T>(
    call: Call,
    asked: Facts,
    signal: AbortSignal,
    act: (context: CallContext) => T,
    facts: (result: T) => Facts,
  ): Promise<T> => {
    if (signal.aborted) throw abortError()
    const effect = rules.match(call)
    const entry = { at: clock.now(), op: call.name, ...asked, effect: effect && effectText(effect) }
    let result: T
    try {
      if (effect) failBefore(effect)
      result = act(contextFor(effect))
    } catch (error) {
      log({ ...entry, error: error instanceof Error ? error.name : String(error) })
      if (effect) await waitFor(effect, clock, signal)
      throw error
    }
    log({ ...entry, ...facts(result) })
    if (effect) {
      await waitFor(effect, clock, signal)
      failAfter(effect, result)
    }
    return result
  }

  return {
    now: () => clock.now() + parts.behaviour().clockSkewMs,

    listShards: (request, signal) =>
      run(
        { name: 'DescribeStream', shard: request.childrenOf },
        { shard: request.childrenOf, position: request.exclusiveStartShardId },
        signal,
        (context) => listShards(context, request),
        ({ shards }) => ({ shards: shards.map(({ shardId }) => shardId) }),
      ),

    openIterator: (request, signal) =>
      run(
        { name: 'GetShardIterator', shard: request.shardId },
        { shard: request.shardId, position: startText(request.start) },
        signal,
        (context) => openIterator(context, request),
        () => ({}),
      ),

    readRecords: (request, signal) => {
      const shard = iteratorShard(table, request.iterator)?.shardId
      return run(
        { name: 'GetRecords', shard },
        { shard },
        signal,
        (context) => readRecords(context, request),
        ({ shard: { records: all }, records, index, end }) => ({
          position: index === 0 ? 'start' : all[index - 1]?.sequenceNumber,
          records: records.length,
          through: records[records.length - 1]?.sequenceNumber,
          end: end || undefined,
        }),
      )
    },

    listStreams: (request, signal) =>
      run(
        { name: 'ListStreams', shard: undefined },
        { position: request.exclusiveStartStreamArn },
        signal,
        (context) => listStreams(context, request),
        () => ({}),
      ),

    perform: (name, act, signal) => run({ name, shard: undefined }, {}, signal, act, () => ({})),
  }
}

function failBefore(effect: Effect): void {
  if (effect.reset === 'before') throw new ConnectionReset()
  if (effect.fail !== undefined) {
    throw new ServiceFault(
      effect.fail,
      effect.message ?? `${effect.fail} by a rule of the emulator`,
      effect.statusCode,
    )
  }
}

async function waitFor(effect: Effect, clock: Clock, signal: AbortSignal): Promise<void> {
  if (effect.hang) await untilAborted(signal)
  if (effect.delayMs === undefined) return
  await sleep(clock, effect.delayMs, signal)
  if (signal.aborted) throw abortError()
}

function failAfter(effect: Effect, result: unknown): void {
  if (effect.reset === 'after') throw new ConnectionReset()
  if (effect.body) throw new BrokenBody(effect.body, effect.statusCode ?? 200, result)
}

function startText(start: OpenIteratorRequest['start']): string {
  return 'sequenceNumber' in start ? `${start.type} ${start.sequenceNumber}` : start.type
}
