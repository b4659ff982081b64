import type { StreamToken } from '../../src/position/token.ts'
import { isStreamsApi } from '../../src/streams-api/make-client.ts'
import { sdkStreamsApi } from '../../src/streams-api/sdk-streams-api.ts'
import type { IteratorStart, ShardDescription, StreamsApi } from '../../src/streams-api/streams-api.ts'
import { createdAtMsOf, sequenceNumberOf } from '../../src/wire/record-fields.ts'
import type { WireRecord } from '../../src/wire/wire-record.ts'
import type { Subject, SubjectFactory, SubjectOptions } from './subject.ts'

interface NaiveShard {
  readonly shardId: string
  start: IteratorStart
  iterator: string | undefined
  /** The sequence number of the last delivered record. */
  delivered: string | undefined
}

interface Buffered {
  readonly shard: NaiveShard
  readonly record: WireRecord
}

/**
 * The reader that one writes first, and that existing consumers of DynamoDB Streams resemble: it polls the
 * shards one after the other when nothing is buffered, sorts the records by time, looks for the children of a
 * finished shard once, and trusts every listing. Its only error handling is the SDK's three attempts. It
 * shows that the model test detects real defects.
 */
class NaiveCoordinator implements Subject {
  readonly #options: SubjectOptions
  readonly #api: StreamsApi
  readonly #signal = new AbortController()
  #active: NaiveShard[] = []
  #buffer: Buffered[] = []

  constructor(options: SubjectOptions) {
    this.#options = options
    this.#api = isStreamsApi(options.client) ? options.client : sdkStreamsApi(options.client)
  }

  async moveTo(position: 'trim_horizon' | 'latest' | Date | string): Promise<void> {
    const shards = await this.#list()
    this.#buffer = []
    if (position === 'latest') {
      this.#active = shards.filter(isOpen).map((shard) => startAt(shard.shardId, { type: 'LATEST' }))
      for (const shard of this.#active) await this.#open(shard)
    } else if (typeof position === 'string' && position.startsWith('{')) {
      const { shards: saved } = JSON.parse(position) as StreamToken
      this.#active = saved.map(({ shardId, at }) =>
        typeof at === 'object' && 'after' in at
          ? { ...startAt(shardId, after(at.after)), delivered: at.after }
          : startAt(shardId, { type: 'TRIM_HORIZON' }),
      )
    } else {
      const ids = new Set(shards.map(({ shardId }) => shardId))
      this.#active = shards
        .filter(({ parentShardId }) => parentShardId === undefined || !ids.has(parentShardId))
        .map(({ shardId }) => startAt(shardId, { type: 'TRIM_HORIZON' }))
      if (position instanceof Date) await this.#skipTo(position)
    }
  }

  async next(): Promise<{ shardId: string; sequenceNumber: string } | undefined> {
    if (this.#buffer.length === 0) await this.#poll()
    const head = this.#buffer.shift()
    if (!head) return undefined
    const sequenceNumber = sequenceNumberOf(head.record)
    head.shard.delivered = sequenceNumber
    return { shardId: head.shard.shardId, sequenceNumber }
  }

  async heartbeat(): Promise<void> {
    await this.#poll()
  }

  async close(): Promise<void> {
    this.#signal.abort()
  }

  get token(): StreamToken {
    return {
      version: 1,
      streamArn: this.#options.streamArn,
      shards: this.#active.map(({ shardId, delivered }) => ({
        shardId,
        at: delivered === undefined ? 'start' : { after: delivered },
      })),
    }
  }

  get ended(): boolean {
    return this.#active.length === 0
  }

  get buffer(): { readonly bytes: number } {
    return { bytes: 0 }
  }

  async #poll(): Promise<void> {
    for (const shard of [...this.#active]) await this.#read(shard)
    this.#buffer.sort((a, b) => (createdAtMsOf(a.record) ?? 0) - (createdAtMsOf(b.record) ?? 0))
  }

  async #read(shard: NaiveShard): Promise<void> {
    const iterator = shard.iterator ?? (await this.#open(shard))
    const limit = this.#options.pageSize ?? 1000
    const page = await this.#call(() =>
      this.#api.readRecords({ iterator, limit }, this.#signal.signal),
    ).catch((error: unknown) => {
      if (!(error instanceof Error) || error.name !== 'ExpiredIteratorException') throw error
      shard.iterator = undefined
      shard.start = shard.delivered === undefined ? shard.start : after(shard.delivered)
      return { records: [], nextIterator: shard.iterator }
    })
    for (const record of page.records) this.#buffer.push({ shard, record })
    if (page.nextIterator === undefined && shard.iterator !== undefined) await this.#replace(shard)
    else shard.iterator = page.nextIterator
  }

  /** Replaces a finished shard by those of its children that are listed now. */
  async #replace(shard: NaiveShard): Promise<void> {
    const children = (await this.#list()).filter(({ parentShardId }) => parentShardId === shard.shardId)
    this.#active = this.#active
      .filter((one) => one !== shard)
      .concat(children.map(({ shardId }) => startAt(shardId, { type: 'TRIM_HORIZON' })))
  }

  async #skipTo(time: Date): Promise<void> {
    await this.#poll()
    this.#buffer = this.#buffer.filter(({ record }) => (createdAtMsOf(record) ?? 0) >= Number(time))
  }

  async #open(shard: NaiveShard): Promise<string> {
    const { streamArn } = this.#options
    const { shardId, start } = shard
    const iterator = await this.#call(() =>
      this.#api.openIterator({ streamArn, shardId, start }, this.#signal.signal),
    )
    shard.iterator = iterator
    return iterator
  }

  async #list(): Promise<ShardDescription[]> {
    const { streamArn } = this.#options
    const shards: ShardDescription[] = []
    let exclusiveStartShardId: string | undefined
    do {
      const page = await this.#call(() =>
        this.#api.listShards({ streamArn, exclusiveStartShardId }, this.#signal.signal),
      )
      shards.push(...page.shards)
      exclusiveStartShardId = page.lastEvaluatedShardId
    } while (exclusiveStartShardId !== undefined)
    return shards
  }

  /** Makes three attempts, like the SDK. */
  async #call<T>(call: () => Promise<T>): Promise<T> {
    return call().catch(call).catch(call)
  }
}

function startAt(shardId: string, start: IteratorStart): NaiveShard {
  return { shardId, start, iterator: undefined, delivered: undefined }
}

function after(sequenceNumber: string): IteratorStart {
  return { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber }
}

function isOpen({ endingSequenceNumber }: ShardDescription): boolean {
  return endingSequenceNumber === undefined
}

/** Creates the naive coordinator as a subject of the model test. */
export const createNaiveCoordinator: SubjectFactory = (options) => new NaiveCoordinator(options)
