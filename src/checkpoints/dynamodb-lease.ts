import { abortable } from '../core/abortable.ts'
import { CallQueue } from '../core/call-queue.ts'
import type { Clock } from '../core/clock.ts'
import { endSentence } from '../core/end-sentence.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import type { StreamToken } from '../position/token.ts'
import { type ChunkedSave, deleteChunksBefore, planChunks, writeChunks } from './dynamodb-chunks.ts'
import { changeHead, type HeadChange } from './dynamodb-head.ts'
import { type Head, MAX_INLINE_BYTES, MAX_RENEWED_INLINE_BYTES, packToken } from './dynamodb-item.ts'
import { type ItemTable, isServiceError, withTable } from './dynamodb-table.ts'
import type { CheckpointLease } from './store.ts'

/** The checkpoint as it was when the lease was acquired. */
export interface LeaseParts {
  readonly name: string
  readonly session: string
  readonly owner: string
  readonly head: Head
  readonly token: unknown
  /** The time limit of the lease, in ms. */
  readonly leaseMs: number | undefined
}

interface UnfinishedSave {
  readonly json: string
  readonly chunks: ChunkedSave
}

/** The lease of one session on a checkpoint in a table. */
export class DynamoDBLease implements CheckpointLease {
  readonly token: unknown
  readonly epoch: number
  readonly #table: ItemTable
  readonly #clock: Clock
  readonly #acquired: LeaseParts
  readonly #lost = new AbortController()
  /** Changes of the head, of which one is in flight at a time. */
  readonly #changes = new CallQueue()
  /** The version of the last change of the head that was sent, or for which chunks were written. */
  #version: number
  #isReleased = false
  /** Whether the last change of the head has succeeded. */
  #isReachable = true
  /**
   * The version that the keys of the chunks of the last saved token contain, and that sorts after older
   * ones.
   */
  #generation: number
  /** A save in chunks that has failed. Its chunks can be removed only after a later save. */
  #unfinished: UnfinishedSave | undefined
  /** Whether the last saved token is stored in chunks. */
  #hasChunks = false
  /** Whether earlier saves may have left chunks in the table. */
  #mayHaveOldChunks = true
  #hasReportedCleanUp = false

  constructor(table: ItemTable, clock: Clock, acquired: LeaseParts) {
    this.#table = table
    this.#clock = clock
    this.#acquired = acquired
    this.token = acquired.token
    this.epoch = acquired.head.epoch
    this.#version = acquired.head.version
    this.#generation = acquired.head.version
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async save(token: StreamToken): Promise<void> {
    this.#throwIfOver()
    const json = JSON.stringify(token)
    await this.#loseOnConflict(() => withTable(this.#table, this.#clock, () => this.#write(json)))
    if (this.#mayHaveOldChunks) await this.#cleanUp()
  }

  async renew(): Promise<void> {
    this.#throwIfOver()
    await this.#loseOnConflict(() => this.#change('renew'))
  }

  /** Writes that the lease was released, unless DynamoDB has just failed: a stop must not wait for it. */
  async release(): Promise<void> {
    if (this.#isReleased) return
    this.#isReleased = true
    if (this.lost.aborted || !this.#isReachable) return
    // The call that is in flight may be the one that fails.
    const releaseNow = async () => this.#isReachable && this.#changeNow('release')
    await this.#loseOnConflict(async () => void (await this.#changes.run(releaseNow)))
  }

  #throwIfOver(): void {
    const { name } = this.#acquired
    if (this.#isReleased) {
      throw new StreamError('closed', `The lease of the checkpoint "${name}" was released.`, {})
    }
    this.lost.throwIfAborted()
  }

  async #loseOnConflict(change: () => Promise<void>): Promise<void> {
    try {
      await change()
    } catch (error) {
      if (isStreamError(error, 'checkpoint.conflict')) this.#lost.abort(error)
      throw error
    }
  }

  /**
   * Completes a failed save in chunks first: starting over with new chunks each time would fill the table
   * while writes are throttled.
   */
  async #write(json: string): Promise<void> {
    if (this.#unfinished) {
      const { json: unfinishedJson } = this.#unfinished
      await this.#complete(this.#unfinished)
      if (unfinishedJson === json) return
    }
    const packed = await packToken(json)
    const { leaseMs } = this.#acquired
    if (packed.length <= (leaseMs === undefined ? MAX_INLINE_BYTES : MAX_RENEWED_INLINE_BYTES)) {
      await this.#change({ data: packed })
      this.#generation = this.#version
      this.#hasChunks = false
      return
    }
    this.#generation = ++this.#version
    const generation = { epoch: this.epoch, version: this.#generation }
    const chunks = planChunks(generation, this.#acquired.session, packed)
    this.#unfinished = { json, chunks }
    this.#mayHaveOldChunks = true
    await this.#complete(this.#unfinished)
  }

  async #complete({ chunks }: UnfinishedSave): Promise<void> {
    await writeChunks(this.#table, this.#acquired.name, chunks)
    // Not in the queue before: the lease can be renewed while the chunks are written.
    await this.#change(chunks)
    this.#unfinished = undefined
    this.#hasChunks = true
  }

  #change(change: HeadChange): Promise<void> {
    return this.#changes.run(async () => {
      // Without a time limit, the call may never end.
      if (this.#acquired.leaseMs === undefined) this.#isReachable = false
      try {
        await this.#changeNow(change)
        this.#isReachable = true
      } catch (error) {
        this.#isReachable = false
        throw error
      }
    })
  }

  /** A change that was abandoned can arrive before this one, which then needs a higher version. */
  async #changeNow(change: HeadChange): Promise<void> {
    const { name, session, owner } = this.#acquired
    for (let laterVersion: number | undefined = 0; laterVersion !== undefined; ) {
      this.#version = Math.max(this.#version, laterVersion) + 1
      const version = this.#version
      laterVersion = await this.#withTimeLimit((signal) => {
        const holder = { session, owner, now: new Date(this.#clock.now()).toISOString() }
        return changeHead(this.#table, name, holder, version, change, signal)
      })
    }
  }

  /** Without the limit, a call without a response would keep the lease from being renewed. */
  async #withTimeLimit<T>(call: (signal?: AbortSignal) => Promise<T>): Promise<T> {
    const { leaseMs } = this.#acquired
    if (leaseMs === undefined) return call()
    const timeout = new AbortController()
    const limitMs = leaseMs / 3
    const cancel = this.#clock.setTimer(limitMs, () => timeout.abort(), true)
    try {
      return await abortable(call(timeout.signal), timeout.signal)
    } catch (cause) {
      if (!timeout.signal.aborted) throw cause
      const { tableName } = this.#table
      throw new Error(`The table "${tableName}" did not respond within ${limitMs} ms`, { cause })
    } finally {
      cancel()
    }
  }

  /**
   * Deletes old chunks. The token has been saved already, so a failure is ignored and the clean-up is
   * repeated after the next save. Only missing permissions are reported, once, because the table would
   * otherwise grow unnoticed.
   */
  async #cleanUp(): Promise<void> {
    const { name } = this.#acquired
    try {
      await deleteChunksBefore(this.#table, name, { epoch: this.epoch, version: this.#generation })
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
}
