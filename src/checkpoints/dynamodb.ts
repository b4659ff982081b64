import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type Clock, systemClock } from '../core/clock.ts'
import { StreamError } from '../core/errors.ts'
import { deleteChunksBefore, readChunks, writeChunks } from './dynamodb-chunks.ts'
import { conflict, getHead, type Holder, putHead, takeOver } from './dynamodb-head.ts'
import { type Content, MAX_INLINE_BYTES, packToken, readHead, unpackToken } from './dynamodb-item.ts'
import { type CheckpointTable, withTable } from './dynamodb-table.ts'
import type { CheckpointStore } from './store.ts'

export type { CheckpointStore } from './store.ts'

export interface DynamoDBCheckpointStoreOptions {
  readonly client: DynamoDBClient
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

/** What this worker knows of a checkpoint that it holds. */
interface Hold {
  readonly session: string
  /** Counts the loads of the checkpoint, by all workers. */
  readonly turn: number
  /** Counts the saves. */
  version: number
  /** Whether there may be no checkpoint yet. */
  mayCreate: boolean
  /** Whether earlier saves may have left chunks in the table. */
  mayHaveOldChunks: boolean
}

/**
 * Keeps checkpoints in a DynamoDB table, one worker a checkpoint.
 *
 * **Who may save.** `load` takes the checkpoint over: whoever loaded last may save, everybody else gets
 * `checkpoint.conflict` at the next save and has changed nothing. So a worker that starts again goes on at once, with no
 * lease to wait for, and one that was believed dead, or is still being stopped, cannot move the checkpoint behind the
 * back of its successor. Don't call `load` just to look. A save without a load before is taken only while there is no
 * checkpoint under that name.
 *
 * **Any size.** Tokens are compressed. One that is larger than 60 kB is cut into several items under keys of its own,
 * written before the checkpoint points to them and removed after it points elsewhere: readers never see a part.
 *
 * Reads are strongly consistent. Errors of the SDK pass through as they are. Rights needed: GetItem, PutItem, UpdateItem,
 * DeleteItem, Query, and where the table is to be created DescribeTable and CreateTable.
 */
export function dynamoDBCheckpointStore(options: DynamoDBCheckpointStoreOptions): CheckpointStore {
  const { client, tableName, owner = `${hostname()}:${process.pid}`, clock = systemClock } = options
  const table: CheckpointTable = { client, tableName }
  const holds = new Map<string, Hold>()
  const holder = (session: string): Holder => ({ session, owner, now: new Date(clock.now()).toISOString() })

  return {
    async load(name) {
      const session = randomUUID()
      const head = await withTable(table, clock, () => takeOver(table, name, holder(session)))
      const { turn, version, content } = head
      holds.set(name, { session, turn, version, mayCreate: false, mayHaveOldChunks: true })
      return content && (await readToken(name, session, content))
    },

    async save(name, token) {
      const packed = await packToken(token)
      const hold = holds.get(name) ?? newHold()
      holds.set(name, hold)
      // Also for a token that was tried before, so that the two tries don't share chunks.
      hold.version++
      await withTable(table, clock, () => write(name, hold, packed))
      if (hold.mayHaveOldChunks) await cleanUp(name, hold, packed)
    },
  }

  async function write(name: string, hold: Hold, packed: Uint8Array): Promise<void> {
    const content = isInline(packed) ? { data: packed } : await writeChunks(table, name, hold, packed)
    hold.mayHaveOldChunks ||= !isInline(packed)
    await putHead(table, name, holder(hold.session), hold, content, hold.mayCreate)
    hold.mayCreate = false
  }

  /** The token is saved already: what fails here is no failure of the save, and is tried again after the next one. */
  async function cleanUp(name: string, hold: Hold, packed: Uint8Array): Promise<void> {
    try {
      await deleteChunksBefore(table, name, hold)
      hold.mayHaveOldChunks = !isInline(packed)
    } catch {
      return
    }
  }

  async function readToken(name: string, session: string, content: Content): Promise<unknown> {
    const packed = 'data' in content ? content.data : await readChunks(table, name, content)
    if (packed === undefined) {
      // Only a holder removes chunks: another worker has taken over in the meantime, and saved.
      const item = await getHead(table, name)
      if (readHead(item).session !== session) throw conflict(name, item)
      throw damaged(name, 'a part of it is missing')
    }
    return await unpackToken(packed).catch((cause) => {
      throw damaged(name, 'it cannot be expanded', cause)
    })
  }

  function damaged(name: string, how: string, cause?: unknown): StreamError<'token.invalid'> {
    const message = `The checkpoint "${name}" in the table "${tableName}" is damaged: ${how}. It was left as it is`
    return new StreamError('token.invalid', message, { field: '', expected: 'a compressed token' }, cause)
  }
}

/** What a worker holds that has not loaded: nothing, if there is a checkpoint already. */
function newHold(): Hold {
  return { session: randomUUID(), turn: 0, version: 0, mayCreate: true, mayHaveOldChunks: true }
}

function isInline(packed: Uint8Array): boolean {
  return packed.length <= MAX_INLINE_BYTES
}
