import { randomUUID } from 'node:crypto'
import { clientHint } from '../core/client-hint.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames, namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { readChunks } from './dynamodb-chunks.ts'
import {
  acquireLease,
  alreadyExists,
  conflict,
  getHead,
  getHeadLease,
  leaseChanged,
  type NewLease,
  seenIn,
  stateOf,
} from './dynamodb-head.ts'
import {
  type Content,
  damaged,
  type Head,
  noHead,
  readHead,
  readHeadLease,
  unpackToken,
} from './dynamodb-item.ts'
import { DynamoDBLease } from './dynamodb-lease.ts'
import {
  checkName,
  checkTable,
  defaultOwner,
  type ItemTable,
  isServiceError,
  withExistingTable,
  withTable,
} from './dynamodb-table.ts'
import type {
  CheckpointLease,
  CheckpointLeaseOptions,
  CheckpointLeaseState,
  CheckpointStore,
} from './store.ts'

export type {
  CheckpointLease,
  CheckpointLeaseOptions,
  CheckpointLeaseState,
  CheckpointStore,
} from './store.ts'

/** The number of times that `peek` reads a checkpoint that changes while its chunks are being read. */
const PEEK_ATTEMPTS = 5

/** Options of {@link dynamoDBCheckpointStore}. */
export interface DynamoDBCheckpointStoreOptions {
  /** The SDK's `DynamoDBClient`. */
  readonly client: SdkClient
  /**
   * The name of a table that is used for checkpoints only; it can store any number of them. If the table does
   * not exist, it is created with the string keys `name` and `part` and on-demand capacity.
   */
  readonly tableName: string
  /**
   * Identifies this worker to people, in the table and in `checkpoint.conflict` errors. It has no effect on
   * which worker can save.
   * @default host name and process ID, such as `ip-10-0-0-7:4711`
   */
  readonly owner?: string | undefined
  /**
   * Provides timestamps, and the timers while a new table is being created.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

const optionNames = namesOf<DynamoDBCheckpointStoreOptions>({
  client: true,
  tableName: true,
  owner: true,
  clock: true,
})

/** A checkpoint store with fenced leases: a worker whose lease has been lost cannot save. */
export interface DynamoDBCheckpointStore extends CheckpointStore {
  peek(name: string): Promise<unknown>
  lease(name: string, options?: CheckpointLeaseOptions): Promise<CheckpointLease>
  leaseState(name: string, options?: { readonly signal?: AbortSignal }): Promise<CheckpointLeaseState>
}

/**
 * Creates a store that saves checkpoints in a DynamoDB table and lets one worker at a time save each
 * checkpoint.
 *
 * **Fencing.** `load` and `lease` acquire the checkpoint: only the worker that acquired it last can save. A
 * save by any other worker rejects with `checkpoint.conflict` and changes nothing. A restarted worker
 * therefore resumes immediately, without waiting for a lease to expire. A worker that was presumed dead, or
 * is still shutting down, cannot move the checkpoint of its successor. Use `peek` to read without acquiring.
 * A save without an earlier `load` succeeds only if no checkpoint exists under that name.
 *
 * **Standby workers.** With the option `standby` of a checkpoint, a worker waits until the lease was released
 * or its time is over, and then acquires it on the condition that the checkpoint has not changed. A waiting
 * worker reads one item per poll and writes nothing. A renewal writes the head again; a token larger than
 * 8 kB after compression is then stored in items of its own, so that this stays cheap.
 *
 * **Late requests.** Every write that changes the checkpoint is conditional on the state that was read or
 * written before it, so a request that was abandoned and arrives late changes nothing.
 *
 * **Large tokens.** Tokens are compressed with gzip. A token larger than 60 kB after compression is stored in
 * items of its own. They are written before the checkpoint points to them and deleted after it no longer
 * does, so a reader never sees a partial token.
 *
 * **Permissions.** `dynamodb:GetItem`, `PutItem`, `UpdateItem`, `DeleteItem` and `Query` on the table;
 * `DescribeTable` and `CreateTable` as well if the table is to be created. Reads are strongly consistent.
 *
 * Errors of the SDK are rethrown unchanged. The methods of the store reject with:
 * - `options.invalid`: the name is not a well-formed string of 1 to 2048 bytes, or the table has other keys;
 * - `token.invalid`: the checkpoint is damaged;
 * - `checkpoint.conflict`: another worker has acquired the checkpoint, it was deleted, or its lease is no
 *   longer in the state `ifState`;
 * - `checkpoint.failed`: a `peek` could not read the checkpoint because it kept changing; or, once per lease,
 *   a token was saved but permission to delete the chunks of earlier saves is missing.
 *
 * @throws StreamError `options.invalid` if an option is invalid.
 */
export function dynamoDBCheckpointStore(options: DynamoDBCheckpointStoreOptions): DynamoDBCheckpointStore {
  checkNames('', options, optionNames, {
    call: 'dynamoDBCheckpointStore',
    options: "{ client, tableName: 'checkpoints' }",
    hint: clientHint('DynamoDBClient'),
  })
  const items: ItemTable = checkTable(options)
  const { owner = defaultOwner(), clock = systemClock } = options
  /** The leases acquired by `load` and `save`, by checkpoint name. */
  const leases = new Map<string, CheckpointLease>()
  /**
   * The sessions of saves without a load, by checkpoint name. A session is reused if its first call has
   * failed, since that call may have succeeded although its response was lost.
   */
  const newSessions = new Map<string, string>()

  return {
    async load(name) {
      // Forget the lease before the call: if the call fails, this worker may or may not hold the checkpoint.
      leases.delete(name)
      const lease = await acquire(name, randomUUID())
      leases.set(name, lease)
      return lease.token
    },

    async save(name, token) {
      const lease = leases.get(name) ?? (await acquireNew(name))
      leases.set(name, lease)
      await lease.save(token)
    },

    async peek(name) {
      checkName(name)
      return withTable(items, clock, () => peekAt(name))
    },

    lease: (name, options) => acquire(name, randomUUID(), options),

    async leaseState(name, { signal } = {}) {
      checkName(name)
      const item = await withExistingTable(items, () => getHeadLease(items, name, signal)).catch(
        (error: unknown) => {
          if (isServiceError(error, 'ResourceNotFoundException')) return undefined
          throw error
        },
      )
      return stateOf(item ? readHeadLease(items, name, item) : noHead)
    },
  }

  async function acquire(
    name: string,
    session: string,
    { signal, leaseMs, ifState }: CheckpointLeaseOptions = {},
  ): Promise<CheckpointLease> {
    checkName(name)
    const acquireHead = ifState ? () => acquireInState(ifState) : acquireNow
    const head = await withTable(items, clock, acquireHead, signal)
    const token = head.content && (await readToken(name, session, head.content, signal))
    return new DynamoDBLease(items, clock, { name, session, owner, head, token, leaseMs })

    async function acquireNow(): Promise<Head> {
      for (;;) {
        signal?.throwIfAborted()
        const { epoch, session: seen, content } = readHead(items, name, await getHead(items, name, signal))
        const lease = newLease(session, leaseMs)
        const acquired = await acquireLease(items, name, lease, { epoch, session: seen, content }, signal)
        if (acquired) return acquired
        // Another worker was faster. Try again: the last worker to acquire the checkpoint can save.
      }
    }

    async function acquireInState(state: CheckpointLeaseState): Promise<Head> {
      const acquired = await acquireLease(items, name, newLease(session, leaseMs), seenIn(state), signal)
      if (acquired) return acquired
      throw leaseChanged(name)
    }
  }

  /** Acquires the lease for a save without a load, which must not overwrite a checkpoint. */
  async function acquireNew(name: string): Promise<CheckpointLease> {
    checkName(name)
    const session = newSessions.get(name) ?? randomUUID()
    newSessions.set(name, session)
    const head = await withTable(items, clock, async () => {
      const item = await getHead(items, name)
      if (item?.session?.S === session) return readHead(items, name, item)
      const acquired = item ? undefined : await acquireLease(items, name, newLease(session), noHead)
      if (acquired) return acquired
      throw alreadyExists(name, item ?? (await getHead(items, name)))
    })
    newSessions.delete(name)
    return new DynamoDBLease(items, clock, {
      name,
      session,
      owner,
      head,
      token: undefined,
      leaseMs: undefined,
    })
  }

  function newLease(session: string, leaseMs?: number): NewLease {
    return { session, owner, now: new Date(clock.now()).toISOString(), leaseMs }
  }

  async function readToken(
    name: string,
    session: string,
    content: Content,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const packed = await readContent(content, name, signal)
    if (packed) return unpackToken(items, name, packed)
    // Only a lease holder deletes chunks, so another worker may have acquired the checkpoint since, and
    // saved.
    const item = await getHead(items, name, signal)
    if (item?.session?.S !== session) throw conflict(name, item)
    throw damaged(items, name, 'a chunk of it is missing')
  }

  async function peekAt(name: string): Promise<unknown> {
    let head = readHead(items, name, await getHead(items, name))
    for (let attempt = 1; ; attempt++) {
      if (head.content === undefined) return undefined
      const packed = await readContent(head.content, name)
      if (packed) return unpackToken(items, name, packed)
      // A save since the head was read would have deleted the chunk.
      const { epoch, version } = head
      head = readHead(items, name, await getHead(items, name))
      const hasChanged = head.epoch !== epoch || head.version !== version
      if (!hasChanged) throw damaged(items, name, 'a chunk of it is missing')
      if (attempt === PEEK_ATTEMPTS) throw keepsChanging(name)
    }
  }

  /** Returns the compressed token, or `undefined` if one of its chunks is missing. */
  async function readContent(
    content: Content,
    name: string,
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    return 'data' in content ? content.data : readChunks(items, name, content, signal)
  }
}

function keepsChanging(name: string): StreamError<'checkpoint.failed'> {
  const message =
    `The checkpoint "${name}" changed during each of ${PEEK_ATTEMPTS} attempts to read it. ` +
    'It is not damaged: try again.'
  return new StreamError('checkpoint.failed', message, { name, operation: 'load' })
}
