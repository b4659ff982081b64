import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'dynamodb-stream-iterator-tests-'

let folder: string | undefined

/**
 * Gives a test run a folder for its temporary files. Global setup of each project: the first one does it for all, and
 * test files run in processes that are started later, and inherit it.
 */
export async function setup(): Promise<void> {
  if (tmpdir().includes(PREFIX)) return
  folder = await mkdtemp(join(tmpdir(), PREFIX))
  process.env.TMPDIR = folder
}

/** Removes all that tests, and the processes that they start, have left in it; also those that failed. */
export async function teardown(): Promise<void> {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}
