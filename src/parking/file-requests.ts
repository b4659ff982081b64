import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { encodeFileName } from '../checkpoints/checkpoint-file-name.ts'
import type { DurableFiles } from './durable-files.ts'
import { type LeaseFolder, requestsFolder } from './file-folder.ts'
import type { KeyFile } from './file-key.ts'
import type { ParkingRequest } from './parking-store.ts'

/**
 * A request is an empty file, because a file without content is always complete. Its name contains the id of
 * the key file, so that a request for a key that was removed does not apply if it is parked again. That of a
 * drop contains the position of the last record that was parked.
 */
interface RequestFile {
  readonly fileName: string
  readonly encodedHash: string
  readonly keyId: string
  readonly action: ParkingRequest['action']
  readonly until: string | undefined
  /** Of two requests for a key, that with the greater order has replaced the other. */
  readonly order: readonly [number, string]
}

/** Returns the requests for keys, the one that was made last for each key. */
export async function listRequests(
  files: DurableFiles,
  folder: LeaseFolder,
  keyFiles: ReadonlyMap<string, KeyFile>,
): Promise<ParkingRequest[]> {
  const names = await files.list(requestsFolder(folder))
  if (names.length === 0) return []
  const keyHashes = new Map(Array.from(keyFiles.keys(), (keyHash) => [encodeFileName(keyHash), keyHash]))
  const latest = new Map<string, RequestFile>()
  for (const name of names) {
    const request = parseName(name)
    if (request === undefined) continue
    const keyHash = keyHashes.get(request.encodedHash)
    if (keyHash === undefined || keyFiles.get(keyHash)?.id !== request.keyId) continue
    const other = latest.get(keyHash)
    if (other === undefined || isBefore(other, request)) latest.set(keyHash, request)
  }
  return Array.from(latest, ([keyHash, { action, fileName, until }]) => ({
    keyHash,
    action,
    id: fileName,
    until,
  }))
}

/** Creates a request for a key, durably. It replaces the earlier ones. */
export async function addRequest(
  files: DurableFiles,
  folder: LeaseFolder,
  keyFile: KeyFile,
  action: ParkingRequest['action'],
): Promise<void> {
  const encodedHash = encodeFileName(keyFile.key.keyHash)
  const earlier = (await requestsFor(files, folder, encodedHash)).filter(({ keyId }) => keyId === keyFile.id)
  const number = 1 + Math.max(0, ...earlier.map(({ order: [order] }) => order))
  const until = action === 'drop' ? [Buffer.from(keyFile.key.last).toString('base64url')] : []
  const random = randomBytes(8).toString('hex')
  const name = [encodedHash, keyFile.id, action, number, random, ...until].join('.')
  await files.write(join(requestsFolder(folder), name), 0, [])
  await files.syncFolder(requestsFolder(folder))
  // If this fails, the earlier requests are ignored nevertheless.
  await removeAll(files, folder, earlier).catch(() => {})
}

/** Removes a request and those that it has replaced, durably. Later requests are kept. */
export async function removeRequest(
  files: DurableFiles,
  folder: LeaseFolder,
  { keyHash, id }: ParkingRequest,
): Promise<void> {
  const request = parseName(id)
  if (request === undefined) return
  const found = await requestsFor(files, folder, encodeFileName(keyHash))
  const replaced = found.filter((other) => other.keyId === request.keyId && isBefore(other, request))
  // If the later one were removed first, a crash could leave one that it has replaced.
  if (replaced.length > 0) {
    await removeAll(files, folder, replaced)
    await files.syncFolder(requestsFolder(folder))
  }
  await removeAll(files, folder, [request])
  await files.syncFolder(requestsFolder(folder))
}

/** Removes the requests for a key that is no longer parked. */
export async function removeRequestsFor(
  files: DurableFiles,
  folder: LeaseFolder,
  { id, key }: KeyFile,
): Promise<void> {
  const found = await requestsFor(files, folder, encodeFileName(key.keyHash))
  await removeAll(
    files,
    folder,
    found.filter(({ keyId }) => keyId === id),
  )
}

/** Removes the requests for keys that are no longer parked. */
export async function removeOldRequests(
  files: DurableFiles,
  folder: LeaseFolder,
  keyFiles: Iterable<KeyFile>,
): Promise<void> {
  const ids = new Map(Array.from(keyFiles, ({ key, id }) => [encodeFileName(key.keyHash), id]))
  const requests = (await files.list(requestsFolder(folder))).flatMap((name) => parseName(name) ?? [])
  await removeAll(
    files,
    folder,
    requests.filter(({ encodedHash, keyId }) => ids.get(encodedHash) !== keyId),
  )
}

async function requestsFor(
  files: DurableFiles,
  folder: LeaseFolder,
  encodedHash: string,
): Promise<RequestFile[]> {
  const names = await files.list(requestsFolder(folder))
  const requests = names.filter((name) => name.startsWith(`${encodedHash}.`)).map(parseName)
  return requests.flatMap((request) => (request?.encodedHash === encodedHash ? [request] : []))
}

async function removeAll(
  files: DurableFiles,
  folder: LeaseFolder,
  requests: readonly RequestFile[],
): Promise<void> {
  for (const { fileName } of requests) await files.remove(join(requestsFolder(folder), fileName))
}

/** Returns undefined for a file that is not a request. */
function parseName(fileName: string): RequestFile | undefined {
  const match = /^(.+)\.(\d+-\d+)\.(release|drop)\.(\d+)\.([0-9a-f]{16})(?:\.([\w-]+))?$/.exec(fileName)
  if (match === null) return undefined
  const [, encodedHash = '', keyId = '', action, number, random = '', until] = match
  return {
    fileName,
    encodedHash,
    keyId,
    action: action === 'drop' ? 'drop' : 'release',
    until: until === undefined ? undefined : Buffer.from(until, 'base64url').toString(),
    order: [Number(number), random],
  }
}

function isBefore({ order: [number, random] }: RequestFile, { order: other }: RequestFile): boolean {
  return number < other[0] || (number === other[0] && random < other[1])
}
