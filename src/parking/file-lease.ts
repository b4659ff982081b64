import { errorCode } from '../core/error-code.ts'
import type { DurableFiles } from './durable-files.ts'
import { keysFolder, type LeaseFolder, recordsFolder } from './file-folder.ts'
import { type KeyFile, keyPath, readKeyFile, segmentPath, serializeKeyFile } from './file-key.ts'
import { type PageEnd, readPage } from './file-page.ts'
import { listRequests, removeRequest, removeRequestsFor } from './file-requests.ts'
import { addRecords, type UncommittedSave } from './file-save.ts'
import type { SegmentLimits } from './file-segment.ts'
import { leaseLost } from './lease-lost.ts'
import type {
  ParkedKey,
  ParkedKeyUpdate,
  ParkedRecord,
  ParkingLease,
  ParkingRequest,
} from './parking-store.ts'
import { runLimited } from './run-limited.ts'

/** How many keys are written or read at the same time. */
export const CONCURRENT_KEYS = 8

/** For how many keys the end of the last page is remembered. */
const MAX_PAGE_ENDS = 1_000

/** What a lease writes to. */
export interface FileLeaseOptions {
  readonly name: string
  readonly files: DurableFiles
  readonly folder: LeaseFolder
  /** The files of all parked keys. */
  readonly keyFiles: readonly KeyFile[]
  readonly limits: SegmentLimits
}

/** The lease of the file store. It is lost when its folder has been renamed. */
export class FileLease implements ParkingLease {
  readonly keys: readonly ParkedKey[]
  readonly #name: string
  readonly #files: DurableFiles
  readonly #folder: LeaseFolder
  readonly #limits: SegmentLimits
  /** The files of the parked keys as they were read or written last. */
  readonly #keyFiles: Map<string, KeyFile>
  /** Keys whose files are in an unknown state, because writing them failed. */
  readonly #unknown = new Set<string>()
  /** Where the last page of a key has ended. The oldest ones are forgotten. */
  readonly #pageEnds = new Map<string, PageEnd>()
  /** How many keys were removed, so that a key that is parked again gets another id. */
  #removals = 0

  constructor({ name, files, folder, keyFiles, limits }: FileLeaseOptions) {
    this.keys = keyFiles.map(({ key }) => structuredClone(key))
    this.#name = name
    this.#files = files
    this.#folder = folder
    this.#limits = limits
    this.#keyFiles = new Map(keyFiles.map((keyFile) => [keyFile.key.keyHash, keyFile]))
  }

  /**
   * Writes the records to segments, and then commits each update by replacing the file of its key. Before
   * that, no reader sees the records, so that an update that is interrupted leaves nothing to repair.
   */
  async save(updates: readonly ParkedKeyUpdate[]): Promise<void> {
    await this.#whileHeld(async () => {
      const changes = combine(updates)
      for (const { key } of changes) await this.#keyFile(key.keyHash, 'park')
      const saves = await runLimited(changes, CONCURRENT_KEYS, (change) => this.#addRecords(change))
      if (saves.some(({ hasNewFile }) => hasNewFile)) {
        await this.#files.syncFolder(recordsFolder(this.#folder))
      }
      // From here on, an update may be committed although the call rejects.
      for (const { key } of changes) this.#unknown.add(key.keyHash)
      await runLimited(saves, CONCURRENT_KEYS, ({ keyFile }) =>
        this.#files.replace(keyPath(this.#folder, keyFile.key.keyHash), serializeKeyFile(keyFile)),
      )
      if (saves.length > 0) await this.#files.syncFolder(keysFolder(this.#folder))
      for (const { keyFile } of saves) {
        const { keyHash } = keyFile.key
        const before = this.#keyFiles.get(keyHash)
        this.#keyFiles.set(keyHash, keyFile)
        this.#unknown.delete(keyHash)
        if (before !== undefined) await this.#removeSegments(before, keyFile)
      }
    })
  }

  async remove(keyHash: string): Promise<void> {
    await this.#whileHeld(async () => {
      const before = await this.#keyFile(keyHash, 'park')
      this.#unknown.add(keyHash)
      this.#removals++
      await this.#files.remove(keyPath(this.#folder, keyHash))
      await this.#files.syncFolder(keysFolder(this.#folder))
      this.#keyFiles.delete(keyHash)
      this.#unknown.delete(keyHash)
      this.#pageEnds.delete(keyHash)
      if (before === undefined) return
      await this.#removeSegments(before, undefined)
      await removeRequestsFor(this.#files, this.#folder, before).catch(() => {})
    })
  }

  async read(keyHash: string, after: string | undefined, limit: number): Promise<readonly ParkedRecord[]> {
    return this.#whileHeld(async () => {
      const keyFile = await this.#keyFile(keyHash, 'read')
      if (keyFile === undefined) return []
      const readFor = { name: this.#name, operation: 'read' } as const
      const source = { files: this.#files, folder: this.#folder, keyFile, readFor }
      const { records, end } = await readPage(source, {
        after,
        limit,
        previous: this.#pageEnds.get(keyHash),
      })
      if (end !== undefined) this.#rememberPageEnd(keyHash, end)
      return records
    })
  }

  async requests(): Promise<readonly ParkingRequest[]> {
    return this.#whileHeld(() => listRequests(this.#files, this.#folder, this.#keyFiles))
  }

  async complete(request: ParkingRequest): Promise<void> {
    await this.#whileHeld(() => removeRequest(this.#files, this.#folder, request))
  }

  async close(): Promise<void> {
    this.#pageEnds.clear()
  }

  /** Returns the file of a key, and reads it again if its state is unknown. */
  async #keyFile(keyHash: string, operation: 'park' | 'read'): Promise<KeyFile | undefined> {
    if (!this.#unknown.has(keyHash)) return this.#keyFiles.get(keyHash)
    const readFor = { name: this.#name, operation }
    const keyFile = await readKeyFile(this.#files, this.#folder, keyHash, readFor)
    if (keyFile === undefined) this.#keyFiles.delete(keyHash)
    else this.#keyFiles.set(keyHash, keyFile)
    this.#unknown.delete(keyHash)
    return keyFile
  }

  #whileHeld<Result>(call: () => Promise<Result>): Promise<Result> {
    return whileHeld(this.#files, this.#folder, this.#name, call)
  }

  #addRecords(change: ParkedKeyUpdate): Promise<UncommittedSave> {
    const target = {
      name: this.#name,
      files: this.#files,
      folder: this.#folder,
      limits: this.#limits,
      newKeyId: `${this.#folder.number}-${this.#removals}`,
    }
    return addRecords(target, this.#keyFiles.get(change.key.keyHash), change)
  }

  /** Removes segments that are no longer used. If that fails, the next lease removes them. */
  async #removeSegments(before: KeyFile, after: KeyFile | undefined): Promise<void> {
    const used = new Set(after?.segments.map(({ id }) => id))
    for (const { id } of before.segments) {
      if (used.has(id)) continue
      const path = segmentPath(this.#folder, before.key.keyHash, before.id, id)
      await this.#files.remove(path).catch(() => {})
    }
  }

  #rememberPageEnd(keyHash: string, end: PageEnd): void {
    this.#pageEnds.delete(keyHash)
    this.#pageEnds.set(keyHash, end)
    const [oldest] = this.#pageEnds.keys()
    if (this.#pageEnds.size > MAX_PAGE_ENDS && oldest !== undefined) this.#pageEnds.delete(oldest)
  }
}

/** Makes a call, and rejects with `checkpoint.conflict` if the folder has been renamed by another worker. */
export async function whileHeld<Result>(
  files: DurableFiles,
  folder: LeaseFolder,
  name: string,
  call: () => Promise<Result>,
): Promise<Result> {
  if (!(await files.exists(folder.path))) throw leaseLost(name)
  try {
    return await call()
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || (await files.exists(folder.path))) throw error
    throw leaseLost(name)
  }
}

/** Joins the updates of the same key, and copies their states, which the caller may change later. */
function combine(updates: readonly ParkedKeyUpdate[]): ParkedKeyUpdate[] {
  const byHash = new Map<string, ParkedKeyUpdate>()
  for (const { key, added } of updates) {
    const earlier = byHash.get(key.keyHash)?.added ?? []
    byHash.set(key.keyHash, { key: structuredClone(key), added: [...earlier, ...added] })
  }
  return [...byHash.values()]
}
