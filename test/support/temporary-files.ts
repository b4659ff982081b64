import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'dynamodb-stream-iterator-tests-'

let folder: string | undefined

/**
 * Creates one folder for the temporary files of a test run. This is the global setup of each project, but
 * only the first one creates the folder. Test files run in processes that start later and inherit `TMPDIR`.
 */
export async function setup(): Promise<void> {
  if (tmpdir().includes(PREFIX)) return
  folder = await mkdtemp(join(tmpdir(), PREFIX))
  process.env.TMPDIR = folder
}

/** Removes the folder with everything that tests and their child processes have left in it. */
export async function teardown(): Promise<void> {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}
