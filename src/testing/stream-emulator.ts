import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient, type DynamoDBStreamsClientConfig } from '@aws-sdk/client-dynamodb-streams'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { type Behaviour, profiles } from './behaviour.ts'
import { effectText } from './faults/effect.ts'
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
import { clientDefaults } from './wire/request-handler.ts'
import {
  type Commands,
  createCommands,
  type DeleteTableOptions,
  type EnableOptions,
  type RollOptions,
  type ShardRef,
  type TrimOptions,
} from './world/commands.ts'
import { keyForShard } from './world/key-for-shard.ts'
import { requestId, seededRandom } from './world/random.ts'
import type { EmulatedRecord, ItemKey } from './world/record.ts'
import type { EmulatedShard } from './world/shard.ts'
import { createTable, type Table } from './world/table.ts'
import {
  createWriter,
  type FillOptions,
  type Item,
  type RemoveOptions,
  type WriteOptions,
  type Writer,
} from './world/writer.ts'

/**
 * A table with a stream, in memory, that does on command what DynamoDB does when it pleases: it splits shards, hides
 * children, lets iterators expire, trims, throttles. It speaks in three ways, all to the same world: {@link api},
 * SDK clients without a socket ({@link client}, {@link tableClient}), and HTTP ({@link listen}).
 *
 * Everything follows from the seed, the commands and the calls: done again, they give the same {@link log}.
 *
 * @example
 * const emulator = new StreamEmulator({ seed: 42, clock: new ManualClock() })
 * emulator.put({ id: 'a', n: 1 })
 * const [left] = emulator.split(undefined, 2, { hidden: { calls: 3 } })
 * emulator.on('GetRecords', { shard: left, nth: 2 }, { fail: 'ExpiredIteratorException' })
 * const client = emulator.client() // a DynamoDBStreamsClient that needs no network
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
  readonly #commands: Commands
  readonly #log: LogEntry[] = []
  #behaviour: Behaviour

  constructor(options: StreamEmulatorOptions = {}) {
    const resolved = resolveOptions(options)
    const { seed, clock } = resolved
    const behaviour = () => this.#behaviour
    this.#options = resolved
    this.#behaviour = { ...profiles[resolved.profile], ...options.behaviour }
    this.#rules = createRules(seededRandom(seed, 'rules'))
    this.#table = createTable({
      ...resolved,
      name: resolved.tableName,
      random: seededRandom(seed, 'world'),
      now: () => this.now(),
      behaviour,
    })
    this.#writer = createWriter(this.#table)
    this.#commands = createCommands({
      table: this.#table,
      visibility: this.#visibility,
      random: seededRandom(seed, 'commands'),
      now: () => this.now(),
      log: (op, facts) => this.#command(op, facts),
      defaults: resolved,
    })
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
    const requestIds = seededRandom(seed, 'request ids')
    this.#wire = {
      requestId: () => requestId(requestIds),
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
    return this.#commands.find(shard).shard
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
    return keyForShard(this.#commands.find(shard).shard, this.#table.keySchema, n)
  }

  // Topology

  /** Closes a shard (without one named, a random open one) and opens `into` children that share its keys. */
  split(shard?: ShardRef, into = 2, options: RollOptions = {}): readonly EmulatedShard[] {
    return this.#commands.divide('split', shard, into, options)
  }

  /** Replaces a shard (without one named, a random open one) by one child, as the service does every four hours. */
  roll(shard?: ShardRef, options: RollOptions = {}): EmulatedShard {
    return this.#commands.divide('roll', shard, 1, options)[0] as EmulatedShard
  }

  /** Closes a shard and opens no child: writes of its keys give no records any more. */
  closeShard(shard?: ShardRef): EmulatedShard {
    return this.#commands.closeShard(shard)
  }

  /** Trims records, as the service does after 24 hours. @returns how many */
  trim(which: TrimOptions): number {
    return this.#commands.trim(which)
  }

  // Life cycle

  /** Switches streaming off: all open shards close; what is in them stays readable for 24 hours. */
  disable(options: { readonly takesMs?: number | undefined } = {}): void {
    this.#commands.disable(options.takesMs ?? 0)
  }

  /** Switches streaming on again. The new stream has another ARN, and its shards no parents. @returns the ARN */
  enable(options: EnableOptions = {}): string {
    return this.#commands.enable('enable', options)
  }

  /** Deletes the table and, if not told otherwise, its streams at once. */
  deleteTable(options: DeleteTableOptions = {}): void {
    this.#commands.deleteTable(options)
  }

  /** Makes the deleted table again, empty and with a new stream. @returns the stream's ARN */
  recreateTable(options: EnableOptions = {}): string {
    return this.#commands.enable('recreateTable', options)
  }

  /** Tells the log that the consumer starts again, and may read once more what it has read. */
  consumerRestarted(): void {
    this.#command('consumerRestarted', {})
  }

  // Faults

  /** Changes how the service behaves from now on. @returns a function that takes these changes back */
  behave(changes: Partial<Behaviour>): () => void {
    const former = this.#behaviour
    const names = Object.keys(changes) as (keyof Behaviour)[]
    this.#behaviour = { ...former, ...changes }
    this.#command('behave', { effect: effectText(changes) })
    return () => void this.behave(Object.fromEntries(names.map((name) => [name, former[name]])))
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
    this.#view('hide', shard, (shardId) => this.#visibility.hide(shardId, this.now(), duration))
  }

  /** DescribeStream shows this closed shard as if it were open. */
  showOpen(shard: ShardRef, duration: Duration = {}): void {
    this.#view('showOpen', shard, (shardId) => this.#visibility.showOpen(shardId, this.now(), duration))
  }

  /** DescribeStream shows this shard again though its retention is over and nothing can be read of it. */
  showAgain(shard: ShardRef): void {
    this.#view('showAgain', shard, this.#visibility.showAgain)
  }

  /** DescribeStream shows this shard as it is. */
  show(shard: ShardRef): void {
    this.#view('show', shard, this.#visibility.show)
  }

  /** All shard iterators given out so far have expired, or those of one shard. */
  expireIterators(shard?: ShardRef): void {
    const shardId = shard === undefined ? undefined : this.#commands.find(shard).shard.shardId
    this.#iterators.expire(shardId)
    this.#command('expireIterators', { shard: shardId })
  }

  // Ways to talk to it

  /** An SDK client for the stream whose calls stay in this process. It makes one attempt a call if not told otherwise. */
  client(config: DynamoDBStreamsClientConfig = {}): DynamoDBStreamsClient {
    return new DynamoDBStreamsClient({ ...clientDefaults(this.#wire, this.#options.region), ...config })
  }

  /** The same for the table: DescribeTable, and PutItem and DeleteItem without expressions. */
  tableClient(config: DynamoDBClientConfig = {}): DynamoDBClient {
    return new DynamoDBClient({ ...clientDefaults(this.#wire, this.#options.region), ...config })
  }

  /** Serves HTTP on 127.0.0.1, by default on a free port. */
  listen(options: { readonly port?: number | undefined } = {}): Promise<Listening> {
    return listen(this.#wire, options.port ?? 0)
  }

  #view(op: string, shard: ShardRef, change: (shardId: string) => void): void {
    const { shardId } = this.#commands.find(shard).shard
    change(shardId)
    this.#command(op, { shard: shardId })
  }

  #written(op: string, record: EmulatedRecord | undefined): EmulatedRecord | undefined {
    this.#command(op, { shard: record?.shardId, position: record?.sequenceNumber })
    return record
  }

  #command(op: string, facts: Partial<LogEntry>): void {
    this.#log.push({ at: this.#options.clock.now(), op, ...facts })
  }
}
