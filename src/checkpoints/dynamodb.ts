import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { type Clock, systemClock } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames, invalidOption, namesOf } from '../core/options.ts'
import { checkSdkClient, type SdkClient } from '../core/sdk-client.ts'
import { readChunks } from './dynamodb-chunks.ts'
import { acquireLease, alreadyExists, conflict, getHead, type LeaseHolder } from './dynamodb-head.ts'
import { type Content, damaged, noHead, readHead, unpackToken } from './dynamodb-item.ts'
import { DynamoDBLease } from './dynamodb-lease.ts'
import { type CheckpointItems, checkName, withTable } from './dynamodb-table.ts'
import type { CheckpointLease, CheckpointLeaseOptions, CheckpointStore } from './store.ts'

export type { CheckpointLease, CheckpointLeaseOptions, CheckpointStore } from './store.ts'

/** How often `peek` starts over when a checkpoint changes while its chunks are read. */
const PEEK_ATTEMPTS = 5

export interface DynamoDBCheckpointStoreOptions {
  /** The SDK's `DynamoDBClient`. */
  readonly client: SdkClient
  /** A table of its own, for any number of checkpoints. It is created, on demand and paid by request, if it is missing. */
  readonly tableName: string
  /**
   * Who this worker is, for the people who read the table and the error `checkpoint.conflict`.
   * @default the name of the host and the number of the process, as in `ip-10-0-0-7:4711`
   */
  readonly owner?: string | undefined
  /** What the waits for a new table are measured with. @default the clock of the machine */
  readonly clock?: Clock | undefined
}

const optionNames = namesOf<DynamoDBCheckpointStoreOptions>({
  client: true,
  tableName: true,
  owner: true,
  clock: true,
})

/** A checkpoint store whose leases are fenced. */
export interface DynamoDBCheckpointStore extends CheckpointStore {
  peek(name: string): Promise<unknown>
  lease(name: string, options?: CheckpointLeaseOptions): Promise<CheckpointLease>
}

/**
 * Keeps checkpoints in a DynamoDB table, one worker per checkpoint.
 *
 * **Who may save.** `load` and `lease` take the checkpoint over: whoever did so last may save, everybody else gets
 * `checkpoint.conflict` at the next save and has changed nothing. So a worker that restarts resumes at once, with no
 * lease to wait for, and one that was believed dead, or is still being stopped, cannot move the checkpoint behind the
 * back of its successor. Use `peek` to look. A save without a load before is accepted only while there is no checkpoint
 * under that name.
 *
 * **Late requests.** Every write is conditional on what was read or written before, so that one that was given up and
 * arrives late changes nothing.
 *
 * **Any size.** Tokens are compressed. One that is larger than 60 kB is split into several items under keys of its own,
 * written before the checkpoint points to them and removed after it points elsewhere: readers never see a part.
 *
 * Reads are strongly consistent. Errors of the SDK are rethrown unchanged. Permissions needed: GetItem, PutItem, UpdateItem,
 * DeleteItem, Query, and where the table is to be created DescribeTable and CreateTable.
 *
 * Errors: `options.invalid` for a name that is no string of 1 to 2048 bytes and for a table with other keys, `token.invalid`
 * for a checkpoint that is damaged, `checkpoint.conflict`, once per lease `checkpoint.failed` when the token was saved but
 * the permission to remove old chunks is missing, and `checkpoint.failed` of a `peek` during which the checkpoint was saved
 * again and again.
 */
export function dynamoDBCheckpointStore(options: DynamoDBCheckpointStoreOptions): DynamoDBCheckpointStore {
  checkNames('', options, optionNames)
  const command = new GetItemCommand({ TableName: undefined, Key: undefined })
  checkSdkClient('client', options.client, 'DynamoDB', command)
  const client = options.client as DynamoDBClient
  if (typeof options.tableName !== 'string' || options.tableName === '') {
    throw invalidOption('tableName', options.tableName, 'the name of a table')
  }
  const { tableName, owner = `${hostname()}:${process.pid}`, clock = systemClock } = options
  const items: CheckpointItems = { client, tableName }
  /** Of `load`, by name. */
  const leases = new Map<string, CheckpointLease>()
  /** Of saves without a load. A session is used again where the response to its first call was lost. */
  const newSessions = new Map<string, string>()

  return {
    async load(name) {
      // Before the call: if it fails, it is unknown who holds the checkpoint.
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

    lease: (name, { signal } = {}) => acquire(name, randomUUID(), signal),
  }

  async function acquire(name: string, session: string, signal?: AbortSignal): Promise<CheckpointLease> {
    checkName(name)
    const head = await withTable(
      items,
      clock,
      async () => {
        for (;;) {
          signal?.throwIfAborted()
          const seen = readHead(items, name, await getHead(items, name, signal))
          const taken = await acquireLease(items, name, holder(session), seen, signal)
          // Otherwise another worker was faster. The one that loads last may save.
          if (taken) return taken
        }
      },
      signal,
    )
    const token = head.content && (await readToken(name, session, head.content, signal))
    return new DynamoDBLease(items, clock, { name, session, owner, head, token })
  }

  /** For a save without a load, which must not overwrite anything. */
  async function acquireNew(name: string): Promise<CheckpointLease> {
    checkName(name)
    const session = newSessions.get(name) ?? randomUUID()
    newSessions.set(name, session)
    const head = await withTable(items, clock, async () => {
      const item = await getHead(items, name)
      if (item?.session?.S === session) return readHead(items, name, item)
      const taken = item ? undefined : await acquireLease(items, name, holder(session), noHead)
      if (taken) return taken
      throw alreadyExists(name, item ?? (await getHead(items, name)))
    })
    newSessions.delete(name)
    return new DynamoDBLease(items, clock, { name, session, owner, head, token: undefined })
  }

  function holder(session: string): LeaseHolder {
    return { session, owner, now: new Date(clock.now()).toISOString() }
  }

  async function readToken(
    name: string,
    session: string,
    content: Content,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const packed = await readContent(content, name, signal)
    if (packed) return unpackToken(items, name, packed)
    // Only a holder removes chunks: another worker has taken over in the meantime, and saved.
    const item = await getHead(items, name, signal)
    if (item?.session?.S !== session) throw conflict(name, item)
    throw damaged(items, name, 'a part of it is missing')
  }

  async function peekAt(name: string): Promise<unknown> {
    let head = readHead(items, name, await getHead(items, name))
    for (let attempt = 1; ; attempt++) {
      if (head.content === undefined) return undefined
      const packed = await readContent(head.content, name)
      if (packed) return unpackToken(items, name, packed)
      // Saved again in the meantime?
      const { epoch, version } = head
      head = readHead(items, name, await getHead(items, name))
      const hasChanged = head.epoch !== epoch || head.version !== version
      if (!hasChanged) throw damaged(items, name, 'a part of it is missing')
      if (attempt === PEEK_ATTEMPTS) throw keepsChanging(name)
    }
  }

  /** The stored token; `undefined` when a chunk of it is missing. */
  async function readContent(
    content: Content,
    name: string,
    signal?: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    return 'data' in content ? content.data : readChunks(items, name, content, signal)
  }
}

function keepsChanging(name: string): StreamError<'checkpoint.failed'> {
  const message = `The checkpoint "${name}" changed each of the ${PEEK_ATTEMPTS} times that it was read. It is not damaged: try again`
  return new StreamError('checkpoint.failed', message, { name, operation: 'load' })
}
