import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient, type DynamoDBStreamsClientConfig } from '@aws-sdk/client-dynamodb-streams'
import { checkNames } from '../../core/options.ts'
import type { StreamsApi } from '../../streams-api/streams-api.ts'
import type { Behavior } from './behavior/behavior.ts'
import { checkBehavior } from './behavior/check-behavior.ts'
import { createEmulator, type EmulatorParts } from './create-emulator.ts'
import type { StreamEmulatorOptions } from './emulator-options.ts'
import { effectText } from './faults/effect.ts'
import type { CallMatcher, CallName, EffectOrFactory } from './faults/rules.ts'
import {
  type DeleteTableOptions,
  deleteTableOptionNames,
  type EnableOptions,
  enableOptionNames,
  type RollOptions,
  rollOptionNames,
  type ShardRef,
  type TrimOptions,
  trimOptionNames,
} from './state/commands.ts'
import { keyForShard } from './state/key-for-shard.ts'
import type { LogEntry } from './state/log.ts'
import type { EmulatedRecord, ItemKey } from './state/record.ts'
import type { EmulatedShard } from './state/shard.ts'
import { type Duration, durationNames } from './state/visibility.ts'
import {
  type FillOptions,
  fillOptionNames,
  type Item,
  type RemoveOptions,
  removeOptionNames,
  type WriteOptions,
  writeOptionNames,
} from './state/writer.ts'
import { createStreamsApi } from './streams-api-adapter.ts'
import { type EmulatorServer, listen } from './wire/http-server.ts'
import { clientDefaults } from './wire/request-handler.ts'

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
  readonly #parts: EmulatorParts

  constructor(options: StreamEmulatorOptions = {}) {
    this.#parts = createEmulator(options)
    this.api = createStreamsApi(this.#parts.service)
  }

  // The truth, for oracles

  get tableName(): string {
    return this.#parts.table.name
  }

  /** The ARN of the current stream: the one that was enabled last. */
  get streamArn(): string {
    return this.#parts.table.current.arn
  }

  /** Every record that was ever written, on all streams of the table, in the order of writing. */
  get records(): readonly EmulatedRecord[] {
    return this.#parts.table.records
  }

  /** Every shard that the current stream ever had, in the order of their making. */
  get shards(): readonly EmulatedShard[] {
    return this.#parts.table.current.topology.shards
  }

  /** The shards that take writes now, in the order of their hash ranges. */
  get openShards(): readonly EmulatedShard[] {
    return this.#parts.table.current.topology.open
  }

  /** A shard of any stream of the table, as it is now. */
  shard(shard: ShardRef): EmulatedShard {
    return this.#parts.commands.find(shard).shard
  }

  /** Everything that was called and commanded, in order. */
  get log(): readonly LogEntry[] {
    return this.#parts.log
  }

  /** The service's clock, in ms: the given one plus the skew. */
  now(): number {
    return this.#parts.now()
  }

  // Writes

  /**
   * Writes an item, as PutItem does.
   * @returns its record; undefined when there is none, because nothing changed or the stream is disabled
   */
  put(item: Item, options: WriteOptions = {}): EmulatedRecord | undefined {
    checkNames('', options, writeOptionNames)
    return this.#parts.noteWrite('put', this.#parts.writer.put(item, options))
  }

  /** Changes some attributes of an item, or makes it. A value of `undefined` removes the attribute. */
  update(key: ItemKey, changes: Item, options: WriteOptions = {}): EmulatedRecord | undefined {
    checkNames('', options, writeOptionNames)
    return this.#parts.noteWrite('update', this.#parts.writer.update(key, changes, options))
  }

  /** Deletes an item; with `ttl`, as time to live does it. */
  remove(key: ItemKey, options: RemoveOptions = {}): EmulatedRecord | undefined {
    checkNames('', options, removeOptionNames)
    return this.#parts.noteWrite('remove', this.#parts.writer.remove(key, options))
  }

  /** Writes many items at once, with a single entry in the log. @returns how many records that gave */
  fill(options: FillOptions): number {
    checkNames('', options, fillOptionNames)
    const records = this.#parts.writer.fill(options)
    this.#parts.note('fill', { records })
    return records
  }

  /** A value for a text partition key whose items are written to this shard; another one for another `n`. */
  keyForShard(shard: ShardRef, n = 0): string {
    return keyForShard(this.#parts.commands.find(shard).shard, this.#parts.table.keySchema, n)
  }

  // Topology

  /** Closes a shard (without one named, a random open one) and opens `into` children that share its keys. */
  split(shard?: ShardRef, into = 2, options: RollOptions = {}): readonly EmulatedShard[] {
    checkRollOptions(options)
    return this.#parts.commands.divide('split', shard, into, options)
  }

  /** Replaces a shard (without one named, a random open one) by one child, as the service does every four hours. */
  roll(shard?: ShardRef, options: RollOptions = {}): EmulatedShard {
    checkRollOptions(options)
    return this.#parts.commands.divide('roll', shard, 1, options)[0] as EmulatedShard
  }

  /** Closes a shard and opens no child: writes of its keys give no records any more. */
  closeShard(shard?: ShardRef): EmulatedShard {
    return this.#parts.commands.closeShard(shard)
  }

  /** Trims records, as the service does after 24 hours. @returns how many */
  trim(which: TrimOptions): number {
    checkNames('', which, trimOptionNames)
    return this.#parts.commands.trim(which)
  }

  // Life cycle

  /** Switches streaming off: all open shards close; what is in them stays readable for 24 hours. */
  disable(options: { readonly takesMs?: number | undefined } = {}): void {
    checkNames('', options, ['takesMs'])
    this.#parts.commands.disable(options.takesMs ?? 0)
  }

  /** Switches streaming on again. The new stream has another ARN, and its shards no parents. @returns the ARN */
  enable(options: EnableOptions = {}): string {
    checkNames('', options, enableOptionNames)
    return this.#parts.commands.enable('enable', options)
  }

  /** Deletes the table and, if not told otherwise, its streams at once. */
  deleteTable(options: DeleteTableOptions = {}): void {
    checkNames('', options, deleteTableOptionNames)
    this.#parts.commands.deleteTable(options)
  }

  /** Makes the deleted table again, empty and with a new stream. @returns the stream's ARN */
  recreateTable(options: EnableOptions = {}): string {
    checkNames('', options, enableOptionNames)
    return this.#parts.commands.enable('recreateTable', options)
  }

  /** Tells the log that the consumer starts again, and may read once more what it has read. */
  consumerRestarted(): void {
    this.#parts.note('consumerRestarted', {})
  }

  // Faults

  /**
   * Changes how the service behaves from now on.
   * @returns a function that takes these changes back
   * @throws RangeError where a number is out of its range, `StreamError` `options.invalid` for a name that is not known
   */
  setBehavior(changes: Partial<Behavior>): () => void {
    checkBehavior('', changes)
    const former = this.#parts.behavior
    const names = Object.keys(changes) as (keyof Behavior)[]
    this.#parts.behavior = { ...former, ...changes }
    this.#parts.note('setBehavior', { effect: effectText(changes) })
    return () => void this.setBehavior(Object.fromEntries(names.map((name) => [name, former[name]])))
  }

  /**
   * Does something to the next call that fits, or to the n-th, or to more of them.
   * @example emulator.on('GetRecords', { shard, nth: 3 }, { fail: 'ExpiredIteratorException' })
   * @returns a function that takes the rule back
   * @throws RangeError where a number is out of its range, `StreamError` `options.invalid` for a name that is not known
   */
  on(call: CallName | '*', where: CallMatcher, effect: EffectOrFactory): () => void {
    return this.#parts.rules.add(call, where, effect)
  }

  /** DescribeStream doesn't show this shard for some calls or time; without either, until {@link show}. */
  hide(shard: ShardRef, duration: Duration = {}): void {
    checkNames('', duration, durationNames)
    this.#view('hide', shard, (shardId) => this.#parts.visibility.hide(shardId, this.now(), duration))
  }

  /** DescribeStream shows this closed shard as if it were open. */
  showOpen(shard: ShardRef, duration: Duration = {}): void {
    checkNames('', duration, durationNames)
    this.#view('showOpen', shard, (shardId) => this.#parts.visibility.showOpen(shardId, this.now(), duration))
  }

  /** DescribeStream shows this shard again though its retention is over and nothing can be read of it. */
  showAgain(shard: ShardRef): void {
    this.#view('showAgain', shard, this.#parts.visibility.showAgain)
  }

  /** DescribeStream shows this shard as it is. */
  show(shard: ShardRef): void {
    this.#view('show', shard, this.#parts.visibility.show)
  }

  /** All shard iterators given out so far have expired, or those of one shard. */
  expireIterators(shard?: ShardRef): void {
    const shardId = shard === undefined ? undefined : this.#parts.commands.find(shard).shard.shardId
    this.#parts.iterators.expire(shardId)
    this.#parts.note('expireIterators', { shard: shardId })
  }

  // Ways to talk to it

  /**
   * An SDK client for the stream whose calls stay in this process. If not told otherwise, it makes one attempt a call and
   * signs nothing.
   */
  client(config: DynamoDBStreamsClientConfig = {}): DynamoDBStreamsClient {
    return new DynamoDBStreamsClient({
      ...clientDefaults(this.#parts.wire, this.#parts.options.region),
      ...config,
    })
  }

  /** The same for the table: DescribeTable, and PutItem and DeleteItem without expressions. */
  tableClient(config: DynamoDBClientConfig = {}): DynamoDBClient {
    return new DynamoDBClient({ ...clientDefaults(this.#parts.wire, this.#parts.options.region), ...config })
  }

  /** Serves HTTP on 127.0.0.1, by default on a free port. */
  listen(options: { readonly port?: number | undefined } = {}): Promise<EmulatorServer> {
    checkNames('', options, ['port'])
    return listen(this.#parts.wire, options.port ?? 0)
  }

  #view(op: string, shard: ShardRef, change: (shardId: string) => void): void {
    const { shardId } = this.#parts.commands.find(shard).shard
    change(shardId)
    this.#parts.note(op, { shard: shardId })
  }
}

function checkRollOptions(options: RollOptions): void {
  checkNames('', options, rollOptionNames)
  if (options.hidden !== undefined) checkNames('hidden', options.hidden, durationNames)
}
