import { deleteFinished, deleteRecords, discardUpdate } from './dynamodb-clean-up.ts'
import type { Fence } from './dynamodb-fence.ts'
import { deleteHeader, finishAll, type Header } from './dynamodb-header.ts'
import { IncompleteUpdate } from './dynamodb-incomplete.ts'
import { checkKeyHash, type ParkingTable } from './dynamodb-items.ts'
import { KnownHeaders } from './dynamodb-known-headers.ts'
import { planTransactions, type Transaction } from './dynamodb-plan.ts'
import { readRecords } from './dynamodb-records.ts'
import { deleteRequest, listRequests } from './dynamodb-requests.ts'
import { planUpdate, type Update } from './dynamodb-update.ts'
import type {
  ParkedKey,
  ParkedKeyUpdate,
  ParkedRecord,
  ParkingLease,
  ParkingRequest,
} from './parking-store.ts'

/** The maximum number of finished records that are deleted after a save. */
const DELETED_PER_SAVE = 500

/** The lease of one session on the parked keys of a run. */
export class DynamoDBParkingLease implements ParkingLease {
  readonly keys: readonly ParkedKey[]
  readonly #table: ParkingTable
  readonly #fence: Fence
  readonly #headers: KnownHeaders
  readonly #incomplete = new IncompleteUpdate()
  /** What a save had saved before it failed, by key: it is omitted when the save is repeated. */
  readonly #saved = new Map<string, string>()
  /** The position up to which all finished records are deleted, by key. */
  readonly #cleaned = new Map<string, string>()

  constructor(table: ParkingTable, fence: Fence, headers: readonly Header[]) {
    this.#table = table
    this.#fence = fence
    this.#headers = new KnownHeaders(table, headers)
    this.keys = headers.map(({ key }) => key)
  }

  async save(updates: readonly ParkedKeyUpdate[]): Promise<void> {
    await this.#fence.settle()
    const planned = await Promise.all(
      updates.map(async (update) => {
        const { keyHash } = update.key
        checkKeyHash(keyHash)
        return planUpdate(this.#table, await this.#headers.get(keyHash), update)
      }),
    )
    const unsaved = planned.filter(({ keyHash, fingerprint }) => this.#saved.get(keyHash) !== fingerprint)
    if (unsaved.length === 0) return this.#fence.verify()
    for (const transaction of planTransactions(await this.#continue(unsaved))) {
      await this.#commit(transaction, unsaved)
    }
    this.#saved.clear()
    // The records are saved. What is not deleted now is deleted after a later save, or with the key.
    await this.#cleanUp(planned).catch(() => {})
  }

  async remove(keyHash: string): Promise<void> {
    checkKeyHash(keyHash)
    await this.#fence.settle()
    await this.discardIncomplete()
    this.#saved.delete(keyHash)
    const bounds = await this.#headers.get(keyHash)
    if (bounds === undefined) return this.#fence.verify()
    const { end, floor } = bounds
    this.#headers.forget(keyHash)
    // From here on, the key has no records, also if this worker ends before all of them are deleted.
    if (end !== undefined && (floor === undefined || floor < end)) {
      await this.#fence.commit({ writes: [finishAll(this.#table, keyHash, end)] })
    }
    await deleteRecords(this.#table, this.#fence, keyHash)
    await this.#fence.commit({ writes: deleteHeader(this.#table, keyHash) })
    this.#headers.set(keyHash, undefined)
    this.#cleaned.delete(keyHash)
  }

  async read(keyHash: string, after: string | undefined, limit: number): Promise<readonly ParkedRecord[]> {
    checkKeyHash(keyHash)
    await this.#fence.settle()
    // The lease is checked last: until then, no other worker has changed what was read.
    const outcome = await readRecords(this.#table, keyHash, after, limit).then(
      (records) => ({ records }),
      (error: unknown) => ({ error }),
    )
    await this.#fence.verify()
    if ('error' in outcome) throw outcome.error
    return outcome.records
  }

  async requests(): Promise<readonly ParkingRequest[]> {
    await this.#fence.settle()
    const requests: ParkingRequest[] = []
    for (const { keyId, ...request } of await listRequests(this.#table)) {
      const bounds = await this.#headers.get(request.keyHash)
      // A request that was written while its key was removed refers to another ID, or to none.
      if (bounds?.id === keyId) requests.push(request)
    }
    await this.#fence.verify()
    return requests
  }

  async complete(request: ParkingRequest): Promise<void> {
    await this.#fence.settle()
    await this.#fence.verify()
    await deleteRequest(this.#table, request)
  }

  async close(): Promise<void> {}

  /** Deletes the records of an update that has not been completed, by this worker or by another one. */
  async discardIncomplete(): Promise<void> {
    const { incomplete } = this.#fence
    if (incomplete === undefined) return
    const bounds = await this.#headers.get(incomplete)
    await discardUpdate(this.#table, this.#fence, incomplete, bounds?.end)
    this.#incomplete.clear()
  }

  /**
   * If an earlier save was not completed and these updates contain it, returns them without what is written
   * already, and that update first.
   */
  async #continue(planned: readonly Update[]): Promise<readonly Update[]> {
    const { incomplete } = this.#fence
    const update = planned.find(({ keyHash }) => keyHash === incomplete)
    if (incomplete === undefined) this.#incomplete.clear()
    else if (update === undefined || !this.#incomplete.isPartOf(update.records))
      await this.discardIncomplete()
    if (update === undefined) return planned
    const records = this.#incomplete.missing(update.records)
    return [{ ...update, records }, ...planned.filter((other) => other !== update)]
  }

  async #commit(transaction: Transaction, planned: readonly Update[]): Promise<void> {
    const { writes, incomplete, completed } = transaction
    try {
      await this.#fence.commit(transaction)
    } catch (error) {
      for (const keyHash of completed) this.#headers.forget(keyHash)
      if (incomplete !== undefined) this.#incomplete.failed(writes)
      throw error
    }
    for (const { keyHash, bounds, fingerprint } of planned) {
      if (!completed.includes(keyHash)) continue
      this.#headers.set(keyHash, bounds)
      this.#saved.set(keyHash, fingerprint)
    }
    if (incomplete === undefined) this.#incomplete.clear()
    else this.#incomplete.made(writes)
  }

  async #cleanUp(planned: readonly Update[]): Promise<void> {
    let limit = DELETED_PER_SAVE
    for (const { keyHash, bounds } of planned) {
      const { floor } = bounds
      if (floor === undefined || this.#cleaned.get(keyHash) === floor) continue
      const { deleted, isDone } = await deleteFinished(this.#table, this.#fence, keyHash, floor, limit)
      if (isDone) this.#cleaned.set(keyHash, floor)
      limit -= deleted
      if (limit <= 0) return
    }
  }
}
