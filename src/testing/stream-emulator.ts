import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import {
  DynamoDBStreamsClient,
  type DynamoDBStreamsClientConfig,
  type StreamViewType,
} from '@aws-sdk/client-dynamodb-streams'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { type Behaviour, profiles } from './behaviour.ts'
import { createIteratorLives, type IteratorControl } from './faults/iterator-lives.ts'
import { createLimits } from './faults/limits.ts'
import { type CallName, createRules, type EffectSource, type Rules, type Where } from './faults/rules.ts'
import { createVisibility, type Duration, type Visibility } from './faults/visibility.ts'
import type { LogEntry } from './log.ts'
import { type ResolvedOptions, resolveOptions, type StreamEmulatorOptions } from './options.ts'
import { createService, type Service } from './service.ts'
import { threeCallView } from './three-calls.ts'
import { type Listening, listen } from './wire/http-server.ts'
import type { WorldView } from './wire/operations.ts'
import { inProcessHandler } from './wire/request-handler.ts'
import { below, type Random, seededRandom } from './world/random.ts'
import type { EmulatedRecord, ItemKey } from './world/record.ts'
import type { EmulatedShard, Shard } from './world/shard.ts'
import type { Stream } from './world/stream.ts'
import { createTable, hashOf, type Table } from './world/table.ts'
import {
  createWriter,
  type FillOptions,
  type Item,
  type RemoveOptions,
  type WriteOptions,
  type Writer,
} from './world/writer.ts'

/** A shard, by its id or as the emulator gave it. */
export type ShardRef = string | { readonly shardId: string }

/** Which records to trim. */
export type TrimOptions =
  /** All that were written before this time, and the shards that were closed before it. */
  | { readonly before: Date | number }
  /** Those of one shard, up to and with a sequence number; without it all, and a closed shard is forgotten. */
  | { readonly shard: ShardRef; readonly through?: string | undefined }

export interface EnableOptions {
  /** Root shards of the new stream. @default as at first */
  readonly shards?: number | undefined
  /** @default as at first */
  readonly viewType?: StreamViewType | undefined
  /** For so many ms the stream says ENABLING and shows no shard. @default 0 */
  readonly takesMs?: number | undefined
}

/**
 * A table with a stream, in memory, that does on command what DynamoDB does when it pleases: it splits shards, hides
 * children, lets iterators expire, trims, throttles. It speaks in three ways, all to the same world: {@link api},
 * SDK clients without a socket ({@link client}, {@link tableClient}), and HTTP ({@link listen}).
 *
 * Everything follows from the seed, the commands and the calls: done again, they give the same {@link log}.
 */
export class StreamEmulator {
  /** The library's three-call view: the fastest way to the emulator, as promises that need microtasks only. */
  readonly api: StreamsApi
  readonly #options: ResolvedOptions
  readonly #table: Table
  readonly #writer: Writer
  readonly #service: Service
  readonly #wire: WorldView
  readonly #visibility: Visibility = createVisibility()
  readonly #iterators: IteratorControl = createIteratorLives()
  readonly #rules: Rules
  readonly #random: Random
  readonly #log: LogEntry[] = []
  #behaviour: Behaviour

  constructor(options: StreamEmulatorOptions = {}) {
    const resolved = resolveOptions(options)
    const { seed, clock } = resolved
    const behaviour = () => this.#behaviour
    this.#options = resolved
    this.#behaviour = { ...profiles[resolved.profile], ...options.behaviour }
    this.#random = seededRandom(seed, 'commands')
    this.#rules = createRules(seededRandom(seed, 'rules'))
    this.#table = createTable({
      ...resolved,
      name: resolved.tableName,
      random: seededRandom(seed, 'world'),
      now: () => this.now(),
      behaviour,
    })
    this.#writer = createWriter(this.#table)
    this.#service = createService({
      table: this.#table,
      clock,
      behaviour,
      visibility: this.#visibility,
      iterators: this.#iterators,
      limits: createLimits(),
      rules: this.#rules,
      random: seededRandom(seed, 'calls'),
      log: (entry) => this.#log.push(entry),
    })
    this.api = threeCallView(this.#service)
    this.#wire = {
      service: this.#service,
      table: this.#table,
      put: (image) => this.#written('put', this.#writer.putImage(image)),
      remove: (key) => this.#written('remove', this.#writer.removeImage(key)),
    }
  }

  // The truth, for oracles

  get tableName(): string {
    return this.#table.name
  }

  /** The ARN of the current stream: the one that was enabled last. */
  get streamArn(): string {
    return this.#table.current.arn
  }

  /** Every record that was ever written, on all streams of the table, in the order of writing. */
  get records(): readonly EmulatedRecord[] {
    return this.#table.records
  }

  /** Every shard that the current stream ever had, in the order of their making. */
  get shards(): readonly EmulatedShard[] {
    return this.#table.current.topology.shards
  }

  /** The shards that take writes now, in the order of their hash ranges. */
  get openShards(): readonly EmulatedShard[] {
    return this.#table.current.topology.open
  }

  /** A shard of any stream of the table, as it is now. */
  shard(shard: ShardRef): EmulatedShard {
    return this.#find(shard).shard
  }

  /** Everything that was called and commanded, in order. */
  get log(): readonly LogEntry[] {
    return this.#log
  }

  /** The service's clock, in ms: the given one plus the skew. */
  now(): number {
    return this.#options.clock.now() + this.#behaviour.clockSkewMs
  }

  // Writes

  /**
   * Writes an item, as PutItem does.
   * @returns its record; undefined when there is none, because nothing changed or the stream is disabled
   */
  put(item: Item, options: WriteOptions = {}): EmulatedRecord | undefined {
    return this.#written('put', this.#writer.put(item, options))
  }

  /** Changes some attributes of an item, or makes it. A value of `undefined` removes the attribute. */
  update(key: ItemKey, changes: Item, options: WriteOptions = {}): EmulatedRecord | undefined {
    return this.#written('update', this.#writer.update(key, changes, options))
  }

  /** Deletes an item; with `ttl`, as time to live does it. */
  remove(key: ItemKey, options: RemoveOptions = {}): EmulatedRecord | undefined {
    return this.#written('remove', this.#writer.remove(key, options))
  }

  /** Writes many items at once, with a single entry in the log. @returns how many records that gave */
  fill(options: FillOptions): number {
    const records = this.#writer.fill(options)
    this.#command('fill', { records })
    return records
  }

  /** A value for a text partition key whose items are written to this shard; another one for another `n`. */
  keyIn(shard: ShardRef, n = 0): string {
    const { shardId, from, to } = this.#find(shard).shard
    const { keySchema } = this.#table
    let left = n
    for (let attempt = 0; attempt < 1_000_000; attempt++) {
      const key = `key-${attempt}`
      const hash = hashOf({ [keySchema.hash]: { S: key } }, keySchema)
      if (hash >= from && hash < to && left-- === 0) return key
    }
    throw new RangeError(`The hash range of ${shardId} is too narrow to find a key for it`)
  }

  // Topology

  /**
   * Closes a shard (without one named, a random open one) and opens `into` children that share its keys. With
   * `hidden`, DescribeStream doesn't show them for a while.
   */
  split(
    shard?: ShardRef,
    into = 2,
    options: { readonly hidden?: Duration | undefined } = {},
  ): readonly EmulatedShard[] {
    return this.#divide('split', shard, into, options.hidden)
  }

  /** Replaces a shard (without one named, a random open one) by one child, as the service does every four hours. */
  roll(shard?: ShardRef, options: { readonly hidden?: Duration | undefined } = {}): EmulatedShard {
    return this.#divide('roll', shard, 1, options.hidden)[0] as EmulatedShard
  }

  /** Closes a shard and opens no child: writes of its keys give no records any more. */
  closeShard(shard?: ShardRef): EmulatedShard {
    const { stream, shard: closed } = this.#openShard(shard)
    stream.topology.close(closed, this.now())
    stream.retention.noticed(this.now())
    this.#command('closeShard', { shard: closed.shardId })
    return closed
  }

  /** Trims records, as the service does after 24 hours. @returns how many */
  trim(which: TrimOptions): number {
    if ('before' in which) {
      let records = 0
      for (const stream of this.#table.streams) records += stream.retention.trimBefore(Number(which.before))
      this.#command('trim', { records })
      return records
    }
    const { stream, shard } = this.#find(which.shard)
    const records = stream.retention.trimShard(shard, which.through)
    this.#command('trim', { shard: shard.shardId, through: which.through, records })
    return records
  }

  // Life cycle

  /** Switches streaming off: all open shards close, what is in them stays readable for 24 hours. */
  disable(options: { readonly takesMs?: number | undefined } = {}): void {
    const stream = this.#table.current
    const now = this.now()
    for (const shard of [...stream.topology.open]) stream.topology.close(shard, now)
    stream.retention.noticed(now)
    stream.disabledAt ??= now
    stream.changingUntil = now + (options.takesMs ?? 0)
    this.#command('disable', {})
  }

  /** Switches streaming on again. The new stream has another ARN, and its shards no parents. @returns the ARN */
  enable(options: EnableOptions = {}): string {
    if (this.#table.current.disabledAt === undefined)
      throw new Error('The table has an enabled stream: disable it first')
    const stream = this.#table.enable({
      enablingForMs: options.takesMs ?? 0,
      shards: options.shards ?? this.#options.shards,
      viewType: options.viewType ?? this.#options.viewType,
    })
    this.#command('enable', { shards: stream.topology.shards.map(({ shardId }) => shardId) })
    return stream.arn
  }

  // Faults

  /** Changes how the service behaves from now on. @returns a function that sets the former behaviour again */
  behave(changes: Partial<Behaviour>): () => void {
    const former = this.#behaviour
    this.#behaviour = { ...former, ...changes }
    return () => {
      this.#behaviour = former
    }
  }

  /**
   * Does something to the next call that fits, or to the n-th, or to more of them.
   * @example emulator.on('GetRecords', { shard, nth: 3 }, { fail: 'ExpiredIteratorException' })
   * @returns a function that takes the rule back
   */
  on(call: CallName | '*', where: Where, effect: EffectSource): () => void {
    return this.#rules.add(call, where, effect)
  }

  /** DescribeStream doesn't show this shard for some calls or time; without either, until {@link show}. */
  hide(shard: ShardRef, duration: Duration = {}): void {
    const { shardId } = this.#find(shard).shard
    this.#visibility.hide(shardId, this.now(), duration)
    this.#command('hide', { shard: shardId })
  }

  /** DescribeStream shows this closed shard as if it were open. */
  showOpen(shard: ShardRef, duration: Duration = {}): void {
    const { shardId } = this.#find(shard).shard
    this.#visibility.showOpen(shardId, this.now(), duration)
    this.#command('showOpen', { shard: shardId })
  }

  /** DescribeStream shows this shard again though its retention is over and nothing can be read of it. */
  showAgain(shard: ShardRef): void {
    const { shardId } = this.#find(shard).shard
    this.#visibility.showAgain(shardId)
    this.#command('showAgain', { shard: shardId })
  }

  /** DescribeStream shows this shard as it is. */
  show(shard: ShardRef): void {
    const { shardId } = this.#find(shard).shard
    this.#visibility.show(shardId)
    this.#command('show', { shard: shardId })
  }

  /** All shard iterators given out so far have expired, or those of one shard. */
  expireIterators(shard?: ShardRef): void {
    const shardId = shard === undefined ? undefined : this.#find(shard).shard.shardId
    this.#iterators.expire(shardId)
    this.#command('expireIterators', { shard: shardId })
  }

  // Ways to talk to it

  /** An SDK client for the stream whose calls stay in this process. It makes one attempt a call if not told otherwise. */
  client(config: DynamoDBStreamsClientConfig = {}): DynamoDBStreamsClient {
    return new DynamoDBStreamsClient({ ...this.#clientDefaults(), ...config })
  }

  /** The same for the table: DescribeTable, and PutItem and DeleteItem without expressions. */
  tableClient(config: DynamoDBClientConfig = {}): DynamoDBClient {
    return new DynamoDBClient({ ...this.#clientDefaults(), ...config })
  }

  /** Serves HTTP on 127.0.0.1, by default on a free port. */
  listen(options: { readonly port?: number | undefined } = {}): Promise<Listening> {
    return listen(this.#wire, options.port ?? 0)
  }

  /** Given in full, so that the clients look for nothing in files and the environment. */
  #clientDefaults(): DynamoDBStreamsClientConfig & DynamoDBClientConfig {
    return {
      region: this.#options.region,
      endpoint: 'http://emulator.invalid',
      credentials: { accessKeyId: 'emulator', secretAccessKey: 'emulator' },
      maxAttempts: 1,
      requestHandler: inProcessHandler(this.#wire),
    }
  }

  #divide(
    op: string,
    ref: ShardRef | undefined,
    into: number,
    hidden: Duration | undefined,
  ): readonly EmulatedShard[] {
    if (!Number.isInteger(into) || into < 1)
      throw new RangeError(`A shard splits into 1 or more children, not ${into}`)
    const { stream, shard } = this.#openShard(ref)
    const now = this.now()
    const children = stream.topology.divide(shard, into, now)
    stream.retention.noticed(now)
    if (hidden) for (const { shardId } of children) this.#visibility.hide(shardId, now, hidden)
    this.#command(op, { shard: shard.shardId, shards: children.map(({ shardId }) => shardId) })
    return children
  }

  #find(ref: ShardRef): { readonly stream: Stream; readonly shard: Shard } {
    const shardId = typeof ref === 'string' ? ref : ref.shardId
    const found = this.#table.findShard(shardId)
    if (!found) throw new RangeError(`The table has no shard ${shardId}`)
    return found
  }

  #openShard(ref: ShardRef | undefined): { readonly stream: Stream; readonly shard: Shard } {
    if (ref === undefined) {
      const stream = this.#table.current
      const { open } = stream.topology
      const shard = open[below(this.#random, open.length)]
      if (!shard) throw new RangeError('The stream has no open shard')
      return { stream, shard }
    }
    const found = this.#find(ref)
    if (!found.shard.open) throw new RangeError(`The shard ${found.shard.shardId} is closed already`)
    return found
  }

  #written(op: string, record: EmulatedRecord | undefined): EmulatedRecord | undefined {
    this.#command(op, { shard: record?.shardId, position: record?.sequenceNumber })
    return record
  }

  #command(op: string, facts: Partial<LogEntry>): void {
    this.#log.push({ at: this.#options.clock.now(), op, ...facts })
  }
}
