import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** `current` has one shard per stream, which never rolls. `rolling` rolls it every 4 hours of its clock. */
export type LocalVersion = 'current' | 'rolling'

/** Whether Java 17 or newer, which DynamoDB Local needs, is on the PATH. */
export function hasJava(): boolean {
  const { status, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  return status === 0 && Number(/version "(\d+)/.exec(stderr)?.[1]) >= 17
}

/** The path of libfaketime, which makes time pass faster for a process. Undefined if it is missing. */
export function faketimeLibrary(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  const folders = ['/usr/lib', '/usr/lib64', '/usr/local/lib'].flatMap((root) => [root, ...subfolders(root)])
  return folders
    .map((folder) => join(folder, 'faketime', 'libfaketimeMT.so.1'))
    .find((file) => existsSync(file))
}

/** Whether the clock of a process can be accelerated on this machine. */
export function hasFaketime(): boolean {
  return faketimeLibrary() !== undefined
}

/** Why this version of DynamoDB Local cannot run here, and what to install. Undefined if it can run. */
export function whyNotLocal(version: LocalVersion): string | undefined {
  if (!hasJava()) return 'Java 17 or newer is missing (Debian, Ubuntu: apt-get install default-jre-headless)'
  if (version === 'rolling' && !hasFaketime()) {
    return 'libfaketime is missing (x86-64 Debian, Ubuntu: apt-get install faketime; other platforms are not supported)'
  }
  return undefined
}

function subfolders(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.includes('linux-gnu'))
    .map((entry) => join(folder, entry.name))
}
