import type { Clock } from '../core/clock.ts'
import { endSentence } from '../core/end-sentence.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import type { StreamToken } from '../position/token.ts'
import { type ChunkedSave, deleteChunksBefore, planChunks, writeChunks } from './dynamodb-chunks.ts'
import { type LeaseHolder, saveHead } from './dynamodb-head.ts'
import { type Head, MAX_INLINE_BYTES, packToken } from './dynamodb-item.ts'
import { type ItemTable, isServiceError, withTable } from './dynamodb-table.ts'
import type { CheckpointLease } from './store.ts'

/** The checkpoint as it was when the lease was acquired. */
export interface AcquiredLease {
  readonly name: string
  readonly session: string
  readonly owner: string
  readonly head: Head
  readonly token: unknown
}

interface UnfinishedSave {
  readonly version: number
  readonly json: string
  readonly chunks: ChunkedSave
}

/** The lease of one session on a checkpoint in a table. */
export class DynamoDBLease implements CheckpointLease {
  readonly token: unknown
  readonly epoch: number
  readonly #table: ItemTable
  readonly #clock: Clock
  readonly #acquired: AcquiredLease
  readonly #lost = new AbortController()
  #version: number
  #isReleased = false
  /** A save in chunks that has failed. Its chunks can be removed only after a later save. */
  #unfinished: UnfinishedSave | undefined
  /** Whether the last saved token is stored in chunks. */
  #hasChunks = false
  /** Whether earlier saves may have left chunks in the table. */
  #mayHaveOldChunks = true
  #hasReportedCleanUp = false

  constructor(table: ItemTable, clock: Clock, acquired: AcquiredLease) {
    this.#table = table
    this.#clock = clock
    this.#acquired = acquired
    this.token = acquired.token
    this.epoch = acquired.head.epoch
    this.#version = acquired.head.version
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async save(token: StreamToken): Promise<void> {
    const { name } = this.#acquired
    if (this.#isReleased) {
      throw new StreamError('closed', `The lease of the checkpoint "${name}" was released.`, {})
    }
    this.lost.throwIfAborted()
    const json = JSON.stringify(token)
    try {
      await withTable(this.#table, this.#clock, () => this.#write(json))
    } catch (error) {
      if (isStreamError(error, 'checkpoint.conflict')) this.#lost.abort(error)
      throw error
    }
    if (this.#mayHaveOldChunks) await this.#cleanUp()
  }

  async release(): Promise<void> {
    this.#isReleased = true
  }

  /**
   * Completes a failed save in chunks first: starting over with new chunks each time would fill the table
   * while writes are throttled.
   */
  async #write(json: string): Promise<void> {
    const { name } = this.#acquired
    if (this.#unfinished) {
      const { json: unfinishedJson } = this.#unfinished
      await this.#complete(this.#unfinished)
      if (unfinishedJson === json) return
    }
    const packed = await packToken(json)
    const version = ++this.#version
    if (packed.length <= MAX_INLINE_BYTES) {
      await saveHead(this.#table, name, this.#holder(), version, { data: packed })
      this.#hasChunks = false
      return
    }
    const chunks = planChunks({ epoch: this.epoch, version }, this.#acquired.session, packed)
    this.#unfinished = { version, json, chunks }
    this.#mayHaveOldChunks = true
    await this.#complete(this.#unfinished)
  }

  async #complete({ version, chunks }: UnfinishedSave): Promise<void> {
    await writeChunks(this.#table, this.#acquired.name, chunks)
    await saveHead(this.#table, this.#acquired.name, this.#holder(), version, chunks)
    this.#unfinished = undefined
    this.#hasChunks = true
  }

  /**
   * Deletes old chunks. The token has been saved already, so a failure is ignored and the clean-up is
   * repeated after the next save. Only missing permissions are reported, once, because the table would
   * otherwise grow unnoticed.
   */
  async #cleanUp(): Promise<void> {
    const { name } = this.#acquired
    try {
      await deleteChunksBefore(this.#table, name, { epoch: this.epoch, version: this.#version })
      this.#mayHaveOldChunks = this.#hasChunks
    } catch (cause) {
      if (this.#hasReportedCleanUp || !isServiceError(cause, 'AccessDeniedException')) return
      this.#hasReportedCleanUp = true
      const message =
        `The checkpoint "${name}" was saved, but the chunks of earlier saves cannot be deleted: ${endSentence(cause.message)} ` +
        `Allow dynamodb:Query and dynamodb:DeleteItem on the table "${this.#table.tableName}".`
      throw new StreamError('checkpoint.failed', message, { name, operation: 'save' }, cause)
    }
  }

  #holder(): LeaseHolder {
    const { session, owner } = this.#acquired
    return { session, owner, now: new Date(this.#clock.now()).toISOString() }
  }
}
