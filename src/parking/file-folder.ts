import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { encodeFileName } from '../checkpoints/checkpoint-file-name.ts'
import { errorCode } from '../core/error-code.ts'
import type { DurableFiles } from './durable-files.ts'
import { damaged } from './file-damage.ts'
import { leaseLost } from './lease-lost.ts'

/**
 * The folder with the keys, the records and the requests of one run. Its name contains the number of the
 * lease. A worker acquires the lease by renaming the folder. From then on, the calls of the former worker
 * find no folder under the name that they know: a rename is atomic, so a commit of the former worker comes
 * either before it, and is seen by the new worker, or fails.
 */
export interface LeaseFolder {
  readonly path: string
  /** The number of the lease, which is greater than that of every earlier one. */
  readonly number: number
  /** The greatest epoch of all leases so far; undefined if none had one. */
  readonly epoch: number | undefined
}

/** The folders in a lease folder. */
const CONTENTS = ['keys', 'records', 'requests'] as const

export function keysFolder({ path }: LeaseFolder): string {
  return join(path, 'keys')
}

export function recordsFolder({ path }: LeaseFolder): string {
  return join(path, 'records')
}

export function requestsFolder({ path }: LeaseFolder): string {
  return join(path, 'requests')
}

/** Returns the path of the folder that contains the lease folder of a run. */
export function runFolder(root: string, name: string): string {
  return join(root, `${encodeFileName(name)}.parked`)
}

/** How often a folder is listed in which no lease folder is found. */
const LIST_ATTEMPTS = 3

/**
 * Returns the lease folder of a run, or `undefined` if nothing was ever parked under its name. While a folder
 * is renamed, a listing may show both of its names, or neither of them.
 */
export async function findLeaseFolder(files: DurableFiles, run: string): Promise<LeaseFolder | undefined> {
  for (let attempt = 0; attempt < LIST_ATTEMPTS; attempt++) {
    const names = await files.list(run).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    })
    if (names === undefined) return undefined
    const [latest] = names
      .flatMap((name) => parseFolderName(run, name) ?? [])
      .sort((one, other) => other.number - one.number)
    if (latest !== undefined) return latest
  }
  return undefined
}

/**
 * Calls a function with the lease folder, again if the lease has been acquired meanwhile. Returns `undefined`
 * if nothing was ever parked under the name.
 */
export async function inLeaseFolder<Result>(
  files: DurableFiles,
  run: string,
  use: (folder: LeaseFolder) => Promise<Result>,
): Promise<Result | undefined> {
  for (;;) {
    const folder = await findLeaseFolder(files, run)
    if (folder === undefined) return undefined
    try {
      return await use(folder)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || (await files.exists(folder.path))) throw error
    }
  }
}

/** What is required to acquire a lease. */
export interface LeaseRequest {
  readonly name: string
  /** The path of the run's folder. */
  readonly run: string
  readonly epoch: number | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Acquires the lease by renaming its folder, durably.
 *
 * @throws StreamError `checkpoint.conflict` if a lease with a greater epoch was acquired before.
 */
export async function takeLeaseFolder(files: DurableFiles, request: LeaseRequest): Promise<LeaseFolder> {
  const { name, run, epoch, signal } = request
  for (let creations = 0; ; ) {
    signal?.throwIfAborted()
    const current = await findLeaseFolder(files, run)
    if (current === undefined) {
      if (creations === 2) throw damaged({ name, operation: 'acquire' }, run, 'has no folder of a lease')
      await createRunFolder(files, run)
      creations++
      continue
    }
    const greatest = current.epoch ?? epoch
    if (epoch !== undefined && greatest !== undefined && epoch < greatest) throw leaseLost(name)
    const next = leaseFolder(run, current.number + 1, epoch ?? greatest)
    try {
      await files.rename(current.path, next.path)
    } catch (error) {
      // Another worker was faster. Try again: the last worker to acquire the lease can use it.
      if (errorCode(error) === 'ENOENT' && !(await files.exists(current.path))) continue
      throw error
    }
    await files.syncFolder(run)
    // Whoever has created the run's folder may have failed to sync it.
    await files.syncFolder(dirname(run))
    return next
  }
}

/**
 * Creates the folder of a run. It appears with the folder of its first lease in it, so that two workers
 * cannot create two of them.
 */
async function createRunFolder(files: DurableFiles, run: string): Promise<void> {
  const root = dirname(run)
  await files.createFolders(root)
  // No encoded name starts with `~`.
  const temporary = join(root, `~${randomBytes(8).toString('hex')}`)
  try {
    await files.createFolder(temporary)
    const { path } = leaseFolder(temporary, 0, undefined)
    await files.createFolder(path)
    for (const folder of CONTENTS) await files.createFolder(join(path, folder))
    await files.syncFolder(path)
    await files.syncFolder(temporary)
    await files.rename(temporary, run)
  } catch (error) {
    await files.removeFolder(temporary).catch(() => {})
    if (!(await files.exists(run))) throw error
  }
}

function leaseFolder(run: string, number: number, epoch: number | undefined): LeaseFolder {
  const name = `lease-${number}-${epoch ?? 'none'}-${randomBytes(8).toString('hex')}`
  return { path: join(run, name), number, epoch }
}

function parseFolderName(run: string, name: string): LeaseFolder | undefined {
  const match = /^lease-(\d+)-(\d+|none)-[0-9a-f]{16}$/.exec(name)
  if (match === null) return undefined
  const [, number, epoch] = match
  return {
    path: join(run, name),
    number: Number(number),
    epoch: epoch === 'none' ? undefined : Number(epoch),
  }
}
