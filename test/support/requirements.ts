import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** `current` has one shard a stream that never rolls; `rolling` closes and continues it every 4 hours of its clock. */
export type LocalVersion = 'current' | 'rolling'

/** Whether DynamoDB Local can be started: it needs Java 17 or newer on the PATH. */
export function hasJava(): boolean {
  const { status, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  return status === 0 && Number(/version "(\d+)/.exec(stderr)?.[1]) >= 17
}

/** Where libfaketime is, the library that lets a process see time pass faster. */
export function faketimeLibrary(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  const folders = ['/usr/lib', '/usr/lib64', '/usr/local/lib'].flatMap((root) => [root, ...subfolders(root)])
  return folders
    .map((folder) => join(folder, 'faketime', 'libfaketimeMT.so.1'))
    .find((file) => existsSync(file))
}

/** Whether a process's clock can be made to run faster here. */
export function hasFaketime(): boolean {
  return faketimeLibrary() !== undefined
}

/** Why tests on this version of DynamoDB Local cannot run here, and what to do; undefined when they can. */
export function whyNotLocal(version: LocalVersion): string | undefined {
  if (!hasJava()) return 'Java 17 or newer is missing (Debian, Ubuntu: apt-get install default-jre-headless)'
  if (version === 'rolling' && !hasFaketime()) {
    return 'libfaketime is missing (x86-64 Debian, Ubuntu: apt-get install faketime; not on other platforms)'
  }
  return undefined
}

function subfolders(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.includes('linux-gnu'))
    .map((entry) => join(folder, entry.name))
}
