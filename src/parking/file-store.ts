import { join } from 'node:path'
import { checkName } from '../checkpoints/file.ts'
import { integer } from '../core/options.ts'
import type { DurableFiles } from './durable-files.ts'
import { damaged } from './file-damage.ts'
import {
  inLeaseFolder,
  keysFolder,
  type LeaseFolder,
  recordsFolder,
  requestsFolder,
  runFolder,
  takeLeaseFolder,
} from './file-folder.ts'
import { type KeyFile, type ReadFor, readKeyFile, readNamedKeyFile, segmentPath } from './file-key.ts'
import { CONCURRENT_KEYS, FileLease, whileHeld } from './file-lease.ts'
import { type Page, type PageEnd, readPage } from './file-page.ts'
import { addRequest, removeOldRequests } from './file-requests.ts'
import type { SegmentLimits } from './file-segment.ts'
import type { ParkingRequest, ParkingStore } from './parking-store.ts'
import { runLimited } from './run-limited.ts'

/** How many records an operator reads at a time. */
const RECORDS_PER_PAGE = 1_000

/** Creates the file store. @param root - the absolute path of its folder. */
export function createFileStore(root: string, files: DurableFiles, limits: SegmentLimits): ParkingStore {
  const pathOf = (name: string) => runFolder(root, checkName(name))

  async function request(name: string, keyHash: string, action: ParkingRequest['action']): Promise<boolean> {
    const isRequested = await inLeaseFolder(files, pathOf(name), async (folder) => {
      const keyFile = await readKeyFile(files, folder, keyHash, { name, operation: 'read' })
      if (keyFile === undefined) return false
      await addRequest(files, folder, keyFile, action)
      return true
    })
    return isRequested ?? false
  }

  return {
    async acquire(name, { epoch, signal } = {}) {
      if (epoch !== undefined) integer('epoch', epoch, 0, Number.MAX_SAFE_INTEGER)
      const folder = await takeLeaseFolder(files, { name, run: pathOf(name), epoch, signal })
      const keyFiles = await whileHeld(files, folder, name, () => loadKeys(files, folder, name, signal))
      return new FileLease({ name, files, folder, keyFiles, limits })
    },
    async *list(name) {
      const run = pathOf(name)
      const names = await inLeaseFolder(files, run, (folder) => keyFileNames(files, folder))
      for (const fileName of names ?? []) {
        const keyFile = await inLeaseFolder(files, run, (folder) =>
          readNamedKeyFile(files, folder, fileName, { name, operation: 'read' }),
        )
        if (keyFile !== undefined) yield keyFile.key
      }
    },
    async get(name, keyHash) {
      const keyFile = await inLeaseFolder(files, pathOf(name), (folder) =>
        readKeyFile(files, folder, keyHash, { name, operation: 'read' }),
      )
      return keyFile?.key
    },
    async *records(name, keyHash) {
      const run = pathOf(name)
      for (let end: PageEnd | undefined; ; ) {
        const page = await inLeaseFolder(files, run, (folder) => {
          return readCurrentPage(files, folder, keyHash, { name, operation: 'read' }, end)
        })
        if (page?.end === undefined) return
        yield* page.records
        end = page.end
      }
    },
    release: (name, keyHash) => request(name, keyHash, 'release'),
    drop: (name, keyHash) => request(name, keyHash, 'drop'),
  }
}

/**
 * Reads the records after a page, as they are now. Meanwhile, the worker may finish or remove those that are
 * being read.
 */
async function readCurrentPage(
  files: DurableFiles,
  folder: LeaseFolder,
  keyHash: string,
  readFor: ReadFor,
  previous: PageEnd | undefined,
): Promise<Page | undefined> {
  for (let keyFile = await readKeyFile(files, folder, keyHash, readFor); keyFile !== undefined; ) {
    const range = { after: previous?.position, limit: RECORDS_PER_PAGE, previous }
    try {
      return await readPage({ files, folder, keyFile, readFor }, range)
    } catch (error) {
      // A segment that does not exist may have been removed since its key was read.
      const current = await readKeyFile(files, folder, keyHash, readFor)
      if (JSON.stringify(current) === JSON.stringify(keyFile)) throw error
      keyFile = current
    }
  }
  return undefined
}

async function keyFileNames(files: DurableFiles, folder: LeaseFolder): Promise<string[]> {
  const names = await files.list(keysFolder(folder))
  return names.filter((name) => name.endsWith('.json')).sort()
}

/**
 * Returns all parked keys, and removes what interrupted workers have left behind. What the former worker has
 * committed at the last moment may not be on disk yet.
 */
async function loadKeys(
  files: DurableFiles,
  folder: LeaseFolder,
  name: string,
  signal: AbortSignal | undefined,
): Promise<KeyFile[]> {
  const readFor: ReadFor = { name, operation: 'acquire' }
  await files.syncFolder(keysFolder(folder))
  await files.syncFolder(requestsFolder(folder))
  const keyFiles = await runLimited(await keyFileNames(files, folder), CONCURRENT_KEYS, async (fileName) => {
    signal?.throwIfAborted()
    return readNamedKeyFile(files, folder, fileName, readFor)
  })
  const loaded = keyFiles.filter((keyFile) => keyFile !== undefined)
  const found = new Set(
    (await files.list(recordsFolder(folder))).map((entry) => join(recordsFolder(folder), entry)),
  )
  for (const { id, key, segments } of loaded) {
    for (const segment of segments) {
      const path = segmentPath(folder, key.keyHash, id, segment.id)
      if (!found.delete(path)) throw damaged({ ...readFor, keyHash: key.keyHash }, path, 'does not exist')
    }
  }
  await removeLeftovers(files, folder, [...found], loaded).catch(() => {})
  return loaded
}

/** Best effort: a leftover does no harm. */
async function removeLeftovers(
  files: DurableFiles,
  folder: LeaseFolder,
  unusedSegments: readonly string[],
  keyFiles: readonly KeyFile[],
): Promise<void> {
  for (const path of unusedSegments) await files.remove(path)
  for (const entry of await files.list(keysFolder(folder))) {
    if (entry.endsWith('.tmp')) await files.remove(join(keysFolder(folder), entry))
  }
  await removeOldRequests(files, folder, keyFiles)
}
