import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient, type DynamoDBStreamsClientConfig } from '@aws-sdk/client-dynamodb-streams'
import type { StreamsApi } from '../../streams-api/streams-api.ts'
import { type Checks, checkOptions, wholeNumber } from '../options/check-options.ts'
import type { Behavior } from './behavior/behavior.ts'
import { checkBehavior } from './behavior/check-behavior.ts'
import { createEmulator, type EmulatorParts } from './create-emulator.ts'
import type { StreamEmulatorOptions } from './emulator-options.ts'
import { effectText } from './faults/effect.ts'
import type { CallMatcher, CallName, EffectOrFactory } from './faults/rules.ts'
import {
  type DeleteTableOptions,
  deleteTableChecks,
  disableChecks,
  type EnableOptions,
  enableChecks,
  type RollOptions,
  rollChecks,
  type ShardRef,
  type TrimOptions,
} from './state/commands.ts'
import { keyForShard } from './state/key-for-shard.ts'
import type { LogEntry } from './state/log.ts'
import type { EmulatedRecord, ItemKey } from './state/record.ts'
import type { EmulatedShard } from './state/shard.ts'
import { type Duration, durationChecks } from './state/visibility.ts'
import {
  checkFillOptions,
  type FillOptions,
  type Item,
  type RemoveOptions,
  removeChecks,
  type WriteOptions,
  writeChecks,
} from './state/writer.ts'
import { createStreamsApi } from './streams-api-adapter.ts'
import { type EmulatorServer, listen } from './wire/http-server.ts'
import { clientDefaults } from './wire/request-handler.ts'

/**
 * An in-memory DynamoDB table with a stream. On command, it does what DynamoDB does unpredictably: it splits
 * shards, lists children late, expires iterators, trims records and throttles calls.
 *
 * A consumer reaches it through SDK clients that need no network ({@link client}, {@link tableClient}), over
 * HTTP ({@link listen}), or through this package's own view of the service ({@link api}). All of them see the
 * same table.
 *
 * The emulator is deterministic: the same seed, commands and calls produce the same {@link log}.
 *
 * @example
 * const emulator = new StreamEmulator({ seed: 42, clock: new ManualClock() })
 * emulator.put({ id: 'a', n: 1 })
 * const [left] = emulator.split(undefined, 2, { hidden: { calls: 3 } })
 * emulator.on('GetRecords', { shard: left, nth: 2 }, { fail: 'ExpiredIteratorException' })
 * const client = emulator.client() // a DynamoDBStreamsClient; its calls stay in this process
 */
export class StreamEmulator {
  /**
   * This package's own view of the service, accepted as `client` by `openStream` and `Coordinator`. It is the
   * fastest way to reach the emulator: no SDK, no serialization, and promises that settle in microtasks.
   */
  readonly api: StreamsApi
  readonly #parts: EmulatorParts

  /** @throws StreamError `options.invalid` for an unknown option or an invalid value. */
  constructor(options: StreamEmulatorOptions = {}) {
    this.#parts = createEmulator(options)
    this.api = createStreamsApi(this.#parts.service)
  }

  // State, to compare a consumer with

  /** The name of the table. */
  get tableName(): string {
    return this.#parts.table.name
  }

  /** The ARN of the current stream, which is the one enabled last. */
  get streamArn(): string {
    return this.#parts.table.current.arn
  }

  /** All records ever written to any stream of the table, in write order, including trimmed ones. */
  get records(): readonly EmulatedRecord[] {
    return this.#parts.table.records
  }

  /** All shards that the current stream has ever had, in order of creation, including expired ones. */
  get shards(): readonly EmulatedShard[] {
    return this.#parts.table.current.topology.shards
  }

  /** The shards of the current stream that receive writes, in order of their hash ranges. */
  get openShards(): readonly EmulatedShard[] {
    return this.#parts.table.current.topology.open
  }

  /**
   * Returns a shard of any stream of the table, in its current state.
   * @throws RangeError if the table has no such shard.
   */
  shard(shard: ShardRef): EmulatedShard {
    return this.#parts.commands.find(shard).shard
  }

  /** All calls that the service has received and all commands of the test, in order. */
  get log(): readonly LogEntry[] {
    return this.#parts.log
  }

  /** Returns the time on the service's clock in ms since 1970: the emulator's `clock` plus `clockSkewMs`. */
  now(): number {
    return this.#parts.now()
  }

  // Writes

  /**
   * Writes an item like PutItem. The item is in plain JavaScript values.
   * @returns the stream record, or `undefined` if none is written because nothing changed or the stream is
   * disabled.
   * @throws StreamError `options.invalid` for an invalid argument, TypeError if a key attribute is missing or
   * is not a string, a number or binary, RangeError if the stream is enabled and no shard is open, Error if
   * the table was deleted.
   */
  put(item: Item, options: WriteOptions = {}): EmulatedRecord | undefined {
    checkOptions('', options, writeChecks)
    return this.#parts.logWrite('put', this.#parts.writer.put(item, options))
  }

  /**
   * Changes attributes of an item like UpdateItem, and creates the item if it does not exist. A value of
   * `undefined` removes the attribute.
   * @returns the stream record, or `undefined` if none is written because nothing changed or the stream is
   * disabled.
   * @throws StreamError `options.invalid` for an invalid argument, TypeError if a key attribute is missing or
   * is not a string, a number or binary, RangeError if the stream is enabled and no shard is open, Error if
   * the table was deleted.
   */
  update(key: ItemKey, changes: Item, options: WriteOptions = {}): EmulatedRecord | undefined {
    checkOptions('', options, writeChecks)
    return this.#parts.logWrite('update', this.#parts.writer.update(key, changes, options))
  }

  /**
   * Deletes an item like DeleteItem or, with `ttl`, like an expired TTL.
   * @returns the stream record, or `undefined` if the item does not exist or the stream is disabled.
   * @throws StreamError `options.invalid` for an invalid argument, TypeError if a key attribute is missing or
   * is not a string, a number or binary, RangeError if the stream is enabled and no shard is open, Error if
   * the table was deleted.
   */
  remove(key: ItemKey, options: RemoveOptions = {}): EmulatedRecord | undefined {
    checkOptions('', options, removeChecks)
    return this.#parts.logWrite('remove', this.#parts.writer.remove(key, options))
  }

  /**
   * Writes many items, with a single entry in the log.
   * @returns the number of stream records that were written.
   * @throws the same errors as {@link put}.
   */
  fill(options: FillOptions): number {
    checkFillOptions(options)
    const records = this.#parts.writer.fill(options)
    this.#parts.logCommand('fill', { records })
    return records
  }

  /**
   * Returns a partition key, a string, whose items are written to this shard. Each `n` returns a different
   * key.
   * @throws RangeError if the shard does not exist or its hash range is too narrow to find a key.
   */
  keyForShard(shard: ShardRef, n = 0): string {
    wholeNumber(0)('n', n)
    return keyForShard(this.#parts.commands.find(shard).shard, this.#parts.table.keySchema, n)
  }

  // Shards

  /**
   * Splits an open shard: closes it and opens `into` children (1 or more, default 2) that share its keys.
   * Without `shard`, a random open shard is split.
   * @returns the children, in order of their hash ranges.
   * @throws RangeError if the shard does not exist or is not open, StreamError `options.invalid` if `into` is
   * out of range.
   */
  split(shard?: ShardRef, into = 2, options: RollOptions = {}): readonly EmulatedShard[] {
    checkOptions('', options, rollChecks)
    return this.#parts.commands.divide('split', shard, into, options)
  }

  /**
   * Replaces an open shard by a single child, as the service does about every four hours. Without `shard`, a
   * random open shard is replaced.
   * @returns the child.
   * @throws RangeError if the shard does not exist or is not open.
   */
  roll(shard?: ShardRef, options: RollOptions = {}): EmulatedShard {
    checkOptions('', options, rollChecks)
    return this.#parts.commands.divide('roll', shard, 1, options)[0] as EmulatedShard
  }

  /**
   * Closes an open shard without opening a child. Later writes of its keys produce no records; if no shard is
   * left open, writes throw. Without `shard`, a random open shard is closed.
   * @returns the closed shard.
   * @throws RangeError if the shard does not exist or is not open.
   */
  closeShard(shard?: ShardRef): EmulatedShard {
    return this.#parts.commands.closeShard(shard)
  }

  /**
   * Trims records, as the service does after 24 hours.
   * @returns the number of records that were trimmed.
   * @throws RangeError if the shard does not exist, StreamError `options.invalid` for an invalid time or
   * sequence number.
   */
  trim(options: TrimOptions): number {
    return this.#parts.commands.trim(options)
  }

  // Streams

  /**
   * Disables the stream. All open shards are closed; their records stay readable for 24 hours. With
   * `takesMs`, the stream has the status DISABLING for that many ms. Default: 0. Does nothing if the stream
   * is already disabled.
   */
  disable(options: { readonly takesMs?: number | undefined } = {}): void {
    checkOptions('', options, disableChecks)
    this.#parts.commands.disable(options.takesMs ?? 0)
  }

  /**
   * Enables a new stream after {@link disable}. It has a different ARN, and its shards have no parents.
   * @returns the ARN of the new stream.
   * @throws Error if the current stream is still enabled or the table was deleted.
   */
  enable(options: EnableOptions = {}): string {
    checkOptions('', options, enableChecks)
    return this.#parts.commands.enable('enable', options)
  }

  /** Deletes the table and its items and, unless the options say otherwise, its streams. */
  deleteTable(options: DeleteTableOptions = {}): void {
    checkOptions('', options, deleteTableChecks)
    this.#parts.commands.deleteTable(options)
  }

  /**
   * Recreates a deleted table, empty and with a new stream.
   * @returns the ARN of the new stream.
   * @throws Error if the table was not deleted.
   */
  recreateTable(options: EnableOptions = {}): string {
    checkOptions('', options, enableChecks)
    return this.#parts.commands.enable('recreateTable', options)
  }

  /**
   * Logs that the consumer has restarted and can read records again. `expectParentsBeforeChildren` needs this
   * entry; `restarted()` of a tracked consumer adds it.
   */
  consumerRestarted(): void {
    this.#parts.logCommand('consumerRestarted', {})
  }

  // Faults

  /**
   * Changes the behavior of the service for all later calls and writes.
   * @returns a function that restores the previous values.
   * @throws StreamError `options.invalid` for an unknown name or an invalid value.
   */
  setBehavior(changes: Partial<Behavior>): () => void {
    checkBehavior('', changes)
    const previous = this.#parts.behavior
    const names = Object.keys(changes) as (keyof Behavior)[]
    this.#parts.behavior = { ...previous, ...changes }
    this.#parts.logCommand('setBehavior', { effect: effectText(changes) })
    return () => void this.setBehavior(Object.fromEntries(names.map((name) => [name, previous[name]])))
  }

  /**
   * Adds a rule that applies an effect to matching calls: by default to the next one only. `'*'` matches
   * every call. If several rules match a call, their effects are merged, and the rule added last wins.
   *
   * @example
   * emulator.on('GetRecords', { shard, nth: 3 }, { fail: 'ExpiredIteratorException' })
   * @returns a function that removes the rule.
   * @throws StreamError `options.invalid` for an unknown name or an invalid value.
   */
  on(call: CallName | '*', matcher: CallMatcher, effect: EffectOrFactory): () => void {
    return this.#parts.rules.add(call, matcher, effect)
  }

  /**
   * Hides a shard from DescribeStream for a number of calls or ms; without either, until {@link show}. The
   * shard can still be read.
   */
  hide(shard: ShardRef, duration: Duration = {}): void {
    checkOptions('', duration, durationChecks)
    this.#changeListing('hide', shard, (shardId) =>
      this.#parts.visibility.hide(shardId, this.now(), duration),
    )
  }

  /** Lists a closed shard as open for a number of calls or ms; without either, until {@link show}. */
  showOpen(shard: ShardRef, duration: Duration = {}): void {
    checkOptions('', duration, durationChecks)
    this.#changeListing('showOpen', shard, (shardId) =>
      this.#parts.visibility.showOpen(shardId, this.now(), duration),
    )
  }

  /** Lists an expired shard again, although nothing can be read from it, until {@link show}. */
  showAgain(shard: ShardRef): void {
    this.#changeListing('showAgain', shard, this.#parts.visibility.showAgain)
  }

  /**
   * Undoes {@link hide}, {@link showOpen} and {@link showAgain}: DescribeStream lists the actual state of the
   * shard.
   */
  show(shard: ShardRef): void {
    this.#changeListing('show', shard, this.#parts.visibility.show)
  }

  /** Expires all shard iterators returned so far, or only those of one shard. Later reads with them fail. */
  expireIterators(shard?: ShardRef): void {
    const shardId = shard === undefined ? undefined : this.#parts.commands.find(shard).shard.shardId
    this.#parts.iterators.expire(shardId)
    this.#parts.logCommand('expireIterators', { shard: shardId })
  }

  // Clients

  /**
   * Creates an SDK client for the stream. Its calls stay in this process: no network, no credentials, no
   * signatures. It makes one attempt per call, because the SDK waits between attempts on the system clock.
   *
   * @param config - settings that override these defaults, such as `{ maxAttempts: 3 }`.
   */
  client(config: DynamoDBStreamsClientConfig = {}): DynamoDBStreamsClient {
    return new DynamoDBStreamsClient({
      ...clientDefaults(this.#parts.wire, this.#parts.options.region),
      ...config,
    })
  }

  /**
   * Creates an SDK client for the table, like {@link client}. It supports DescribeTable, and PutItem and
   * DeleteItem without expressions.
   */
  tableClient(config: DynamoDBClientConfig = {}): DynamoDBClient {
    return new DynamoDBClient({ ...clientDefaults(this.#parts.wire, this.#parts.options.region), ...config })
  }

  /**
   * Serves the streams and the table over HTTP on 127.0.0.1, by default on a free port. Any credentials are
   * accepted. Close the server at the end of the test, or use `await using`.
   */
  listen(options: { readonly port?: number | undefined } = {}): Promise<EmulatorServer> {
    checkOptions('', options, listenChecks)
    return listen(this.#parts.wire, options.port ?? 0)
  }

  #changeListing(op: string, shard: ShardRef, change: (shardId: string) => void): void {
    const { shardId } = this.#parts.commands.find(shard).shard
    change(shardId)
    this.#parts.logCommand(op, { shard: shardId })
  }
}

const listenChecks: Checks<{ port: number }> = { port: wholeNumber(0, 65_535) }
