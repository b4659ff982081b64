import { TransactWriteItemsCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { isServiceError } from '../checkpoints/dynamodb-table.ts'
import { cancellationReasons, transactionCompleted, untilNoConflict } from './dynamodb-conflict.ts'
import { apiKey, LEASE, type ParkingTable } from './dynamodb-items.ts'
import { conflict, getLease, type Lease, readLease, writtenJson } from './dynamodb-lease-item.ts'
import type { Transaction } from './dynamodb-plan.ts'

/**
 * The right of one session to write. Every write of the worker is part of a transaction that changes the
 * version of the lease from the one that this session knows. So a write that arrives late, after a later one
 * or after another worker has acquired the lease, changes nothing. Calls are made one at a time.
 */
export class Fence {
  readonly #table: ParkingTable
  #lease: Lease
  /** Whether no write of an earlier call can still be in flight. */
  #isSettled = true

  constructor(table: ParkingTable, lease: Lease) {
    this.#table = table
    this.#lease = lease
  }

  /** The key of an update of which records are written, but not the header. */
  get incomplete(): string | undefined {
    return this.#lease.incomplete
  }

  /** Waits until the last transaction is carried out on each of its items. */
  async transactionCompleted(signal?: AbortSignal): Promise<void> {
    await transactionCompleted(this.#table, this.#lease.written, signal)
  }

  /**
   * Makes the writes of a transaction, all or none. If the call rejects, they may still be made later, until
   * {@link settle} is called.
   *
   * @throws StreamError `checkpoint.conflict` if another worker has acquired the lease.
   */
  async commit({ writes, incomplete }: Pick<Transaction, 'writes' | 'incomplete'>): Promise<void> {
    const version = this.#lease.version + 1
    const written = writes.map(({ key }) => key)
    const rest = incomplete === undefined ? ' REMOVE #incomplete' : ', #incomplete = :incomplete'
    const lease = this.#leaseUpdate(`SET #version = :next, #written = :written${rest}`)
    Object.assign(lease.ExpressionAttributeNames, { '#written': 'written', '#incomplete': 'incomplete' })
    Object.assign(lease.ExpressionAttributeValues, {
      ':written': { S: writtenJson(written) },
      ...(incomplete !== undefined && { ':incomplete': { S: incomplete } }),
    })
    this.#isSettled = false
    const TransactItems = [{ Update: lease }, ...writes.map(({ action }) => action)]
    try {
      await this.#table.client.send(new TransactWriteItemsCommand({ TransactItems }))
    } catch (error) {
      const [reason] = cancellationReasons(error)
      if (reason?.Code === 'ConditionalCheckFailed') await this.#check(error)
      throw error
    }
    this.#lease = { ...this.#lease, version, written, incomplete }
    this.#isSettled = true
  }

  /**
   * If a call has failed, makes sure that none of its writes is made from now on. Those that were made before
   * are visible then.
   *
   * @throws StreamError `checkpoint.conflict` if another worker has acquired the lease.
   */
  async settle(): Promise<void> {
    if (this.#isSettled) return
    this.#lease = await untilNoConflict(this.#table.clock, () => this.#nextVersion())
    await this.transactionCompleted()
    this.#isSettled = true
  }

  /** Changes the version, so that writes that are in flight fail, unless one of them has changed it. */
  async #nextVersion(): Promise<Lease> {
    const command = new UpdateItemCommand({
      ...this.#leaseUpdate('SET #version = :next'),
      ReturnValues: 'ALL_NEW',
    })
    try {
      const { Attributes } = await this.#table.client.send(command)
      return readLease(this.#table, Attributes) ?? this.#lease
    } catch (error) {
      if (!isServiceError(error, 'ConditionalCheckFailedException')) throw error
      return this.#check(error)
    }
  }

  /**
   * Reads the lease.
   *
   * @throws StreamError `checkpoint.conflict` if another worker has acquired it.
   */
  async verify(): Promise<void> {
    await this.#check()
  }

  async #check(cause?: unknown): Promise<Lease> {
    const lease = await getLease(this.#table)
    if (lease?.session === this.#lease.session) return lease
    throw conflict(this.#table, lease, cause)
  }

  #leaseUpdate(UpdateExpression: string) {
    const { session, version } = this.#lease
    return {
      TableName: this.#table.tableName,
      Key: apiKey(this.#table, { part: LEASE }),
      UpdateExpression,
      ConditionExpression: '#session = :session AND #version = :version',
      ExpressionAttributeNames: { '#session': 'session', '#version': 'version' },
      ExpressionAttributeValues: {
        ':session': { S: session },
        ':version': { N: String(version) },
        ':next': { N: String(version + 1) },
      },
    }
  }
}
