import { randomUUID } from 'node:crypto'
import {
  checkName,
  checkTable,
  defaultOwner,
  withExistingTable,
  withTable,
} from '../checkpoints/dynamodb-table.ts'
import { clientHint } from '../core/client-hint.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { checkNames, namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { acquireFence } from './dynamodb-acquire.ts'
import { getHeader, type Header, listHeaders } from './dynamodb-header.ts'
import { checkKeyHash, NAME_SUFFIX_BYTES, type ParkingTable } from './dynamodb-items.ts'
import { DynamoDBParkingLease } from './dynamodb-lease.ts'
import { readRecords } from './dynamodb-records.ts'
import { putRequest } from './dynamodb-requests.ts'
import type {
  AcquireParkingOptions,
  ParkedKey,
  ParkingLease,
  ParkingRequest,
  ParkingStore,
} from './parking-store.ts'

export type { ParkingStore } from './parking-store.ts'

/** The number of records that an operator reads at once. */
const RECORDS_PER_PAGE = 25

/** Options of {@link dynamoDBParkingStore}. */
export interface DynamoDBParkingStoreOptions {
  /** The SDK's `DynamoDBClient`. */
  readonly client: SdkClient
  /**
   * The name of a table that stores parked keys, of any number of runs. It can be the table of
   * `dynamoDBCheckpointStore`. If it does not exist when a worker starts, it is created with the string keys
   * `name` and `part` and on-demand capacity.
   */
  readonly tableName: string
  /**
   * Identifies this worker to people, in the table and in `checkpoint.conflict` errors. It has no effect on
   * which worker can write.
   * @default host name and process ID, such as `ip-10-0-0-7:4711`
   */
  readonly owner?: string | undefined
  /**
   * Provides timestamps, and the timers while a new table is being created or a transaction is in progress.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

const optionNames = namesOf<DynamoDBParkingStoreOptions>({
  client: true,
  tableName: true,
  owner: true,
  clock: true,
})

/**
 * Creates a store that parks records in a DynamoDB table and lets one worker at a time write to it.
 *
 * **Fencing.** Every write of a worker is a transaction that checks and changes the lease of the run, so the
 * writes of a worker that was replaced, and requests that were abandoned and arrive late, change nothing. An
 * operator writes only requests, without a transaction, and does not slow down the worker.
 *
 * **Limits.** A transaction has up to 100 actions and 4 MB
 * (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html), an item up to
 * 400 kB (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html). A larger update
 * is split into several transactions, of which readers see nothing until the last one. Records are compressed
 * above 2 kB, and those that have more than 30 kB after compression are split into several items.
 *
 * **Cost.** A transaction costs two write units per kB of each item
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html). A parked
 * record of up to 1 kB costs two units when it is parked, and two when it is deleted. Each save costs 4
 * to 25 more, for the key and the lease, which names the items of the last transaction; the records and keys
 * of a save share it. A partition accepts 1,000 units per second
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html), so 500 such
 * records of one key can be parked per second.
 *
 * **Permissions.** `dynamodb:GetItem`, `PutItem`, `UpdateItem`, `DeleteItem` and `Query` on the table, which
 * also allow them in transactions
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html);
 * `DescribeTable` and `CreateTable` as well if the table is to be created. An operator needs `GetItem` and
 * `Query`, and `PutItem` for requests. Reads are strongly consistent.
 *
 * Errors of the SDK are rethrown unchanged, such as a `TransactionCanceledException` with the reason
 * `TransactionConflict` or `ThrottlingError`, or, if an operator uses a table that does not exist, a
 * `ResourceNotFoundException`. The methods of the store and of its leases reject with:
 * - `options.invalid`: the name is not a well-formed string of 1 to 2017 bytes, the hash of a key is
 *   invalid, or the table has other keys;
 * - `parking.failed`: an item is damaged or missing, or a record has more than 16 MiB;
 * - `checkpoint.conflict`: another worker has acquired the lease, or it was deleted.
 *
 * @throws StreamError `options.invalid` if an option is invalid.
 */
export function dynamoDBParkingStore(options: DynamoDBParkingStoreOptions): ParkingStore {
  checkNames('', options, optionNames, {
    call: 'dynamoDBParkingStore',
    options: "{ client, tableName: 'parking' }",
    hint: clientHint('DynamoDBClient'),
  })
  const items = checkTable(options)
  const { owner = defaultOwner(), clock = systemClock } = options

  return {
    async acquire(name, { epoch, signal }: AcquireParkingOptions = {}) {
      const table = tableOf(name)
      return withTable(table, clock, () => acquire(table, epoch, signal), signal)
    },

    async *list(name) {
      const table = tableOf(name)
      const headers = listHeaders(table, 'read')
      for (;;) {
        const next = await withExistingTable(table, () => headers.next())
        if (next.done) return
        yield next.value.key
      }
    },

    async get(name, keyHash): Promise<ParkedKey | undefined> {
      const table = tableOf(name)
      checkKeyHash(keyHash)
      const header = await withExistingTable(table, () => getHeader(table, keyHash))
      return header?.key
    },

    async *records(name, keyHash) {
      const table = tableOf(name)
      checkKeyHash(keyHash)
      let after: string | undefined
      for (;;) {
        const read = () => readRecords(table, keyHash, after, RECORDS_PER_PAGE)
        const records = await withExistingTable(table, read)
        if (records.length === 0) return
        yield* records
        after = records.at(-1)?.position
      }
    },

    async release(name, keyHash) {
      return request(name, keyHash, 'release')
    },

    async drop(name, keyHash) {
      return request(name, keyHash, 'drop')
    },
  }

  /** @throws StreamError `options.invalid` */
  function tableOf(name: string): ParkingTable {
    checkName(name, NAME_SUFFIX_BYTES)
    return { ...items, contents: 'parked records', run: name, clock }
  }

  async function acquire(
    table: ParkingTable,
    epoch: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ParkingLease> {
    const fence = await acquireFence(table, { session: randomUUID(), owner, epoch }, signal)
    // From here on, no other worker writes. Its last transaction may still be in progress.
    await fence.transactionCompleted(signal)
    const headers: Header[] = []
    for await (const header of listHeaders(table, 'acquire', signal)) headers.push(header)
    const lease = new DynamoDBParkingLease(table, fence, headers)
    await lease.discardIncomplete()
    signal?.throwIfAborted()
    return lease
  }

  function request(name: string, keyHash: string, action: ParkingRequest['action']): Promise<boolean> {
    const table = tableOf(name)
    checkKeyHash(keyHash)
    return withExistingTable(table, () => putRequest(table, keyHash, action))
  }
}
