import { basename, dirname, sep } from 'node:path'
import type { DurableFiles } from '../../../src/parking/durable-files.ts'

/** What happens at one operation. */
export interface Fault {
  /** The number of the operation, as counted by {@link SimulatedDisk.operations}. */
  readonly at: number
  /** Whether the process ends, so that all of its later operations fail, or only this operation fails. */
  readonly kind: 'kill' | 'error'
  /** Whether the operation has no effect, a part of it, or all of it. */
  readonly when: 'before' | 'during' | 'after'
}

/** The process was killed. */
export class Killed extends Error {
  override readonly name: string = 'Killed'
}

class SimulatedFile {
  content: Buffer = Buffer.alloc(0)
  /** What is on disk. */
  durable: Buffer = Buffer.alloc(0)
}

class SimulatedFolder {
  entries: Map<string, SimulatedFile | SimulatedFolder> = new Map()
  /** What is on disk. */
  durable: Map<string, SimulatedFile | SimulatedFolder> = new Map()
}

/**
 * Files in memory that distinguish what a process sees from what is on disk: a power failure loses what was
 * not synced. Folders and files keep their identity when they are renamed.
 */
export class SimulatedDisk {
  readonly #root = new SimulatedFolder()
  /** The number of operations so far, of all processes. */
  operations = 0
  /** The operations so far, for the message of a test that fails. */
  readonly log: string[] = []

  /** Returns the files as one process uses them. */
  files(faults: readonly Fault[] = []): DurableFiles {
    let isKilled = false
    const operate = async <Result>(
      what: string,
      effect: () => Result,
      partialEffect: () => void = () => {},
    ): Promise<Result> => {
      // Real operations never complete at once.
      await null
      if (isKilled) throw new Killed()
      const number = this.operations++
      const fault = faults.find(({ at }) => at === number)
      this.log.push(`${number} ${what}${fault ? ` (${fault.kind} ${fault.when})` : ''}`)
      if (fault === undefined) return effect()
      if (fault.when === 'during') partialEffect()
      if (fault.when === 'after') effect()
      isKilled = fault.kind === 'kill'
      throw isKilled ? new Killed() : systemError('EIO')
    }
    const short = (path: string) => path.split(sep).slice(-2).join('/')
    return {
      list: (folder) => operate(`list ${short(folder)}`, () => [...this.#folder(folder).entries.keys()]),
      exists: (path) => operate(`exists ${short(path)}`, () => this.#find(path) !== undefined),
      readText: (path) => operate(`read ${short(path)}`, () => this.#file(path).content.toString('utf8')),
      read: (path, offset, length) =>
        operate(`read ${short(path)} from ${offset}`, () =>
          Buffer.from(this.#file(path).content.subarray(offset, offset + length)),
        ),
      write: (path, offset, chunks) => {
        const bytes = Buffer.concat([...chunks])
        return operate(
          `write ${short(path)} from ${offset}`,
          () => {
            const file = this.#write(path, offset, bytes)
            file.durable = Buffer.from(file.content)
          },
          () => void this.#write(path, offset, bytes.subarray(0, Math.ceil(bytes.length / 2))),
        )
      },
      replace: (path, text) =>
        operate(
          `replace ${short(path)}`,
          () => {
            const file = new SimulatedFile()
            file.content = file.durable = Buffer.from(text)
            this.#folder(dirname(path)).entries.set(basename(path), file)
          },
          () => void this.#write(`${path}.0123456789abcdef.tmp`, 0, Buffer.from(text.slice(0, 10))),
        ),
      remove: (path) =>
        operate(`remove ${short(path)}`, () => {
          const folder = this.#find(dirname(path))
          return folder instanceof SimulatedFolder && folder.entries.delete(basename(path))
        }),
      rename: (from, to) =>
        operate(`rename ${short(from)} to ${short(to)}`, () => {
          const moved = this.#find(from)
          if (moved === undefined) throw systemError('ENOENT')
          const replaced = this.#find(to)
          if (replaced instanceof SimulatedFolder && replaced.entries.size > 0) throw systemError('ENOTEMPTY')
          this.#folder(dirname(from)).entries.delete(basename(from))
          this.#folder(dirname(to)).entries.set(basename(to), moved)
        }),
      createFolder: (folder) =>
        operate(`create ${short(folder)}`, () => {
          const { entries } = this.#folder(dirname(folder))
          if (entries.has(basename(folder))) throw systemError('EEXIST')
          entries.set(basename(folder), new SimulatedFolder())
        }),
      createFolders: (folder) =>
        operate(`create ${short(folder)} with its parents`, () => {
          let parent = this.#root
          for (const name of folder.split(sep).filter(Boolean)) {
            const child = parent.entries.get(name) ?? new SimulatedFolder()
            parent.entries.set(name, child)
            parent.durable.set(name, child)
            parent = child as SimulatedFolder
          }
        }),
      removeFolder: (folder) =>
        operate(`remove ${short(folder)}`, () => {
          this.#folder(dirname(folder)).entries.delete(basename(folder))
        }),
      syncFolder: (folder) =>
        operate(`sync ${short(folder)}`, () => {
          const found = this.#folder(folder)
          found.durable = new Map(found.entries)
        }),
    }
  }

  /**
   * Loses what was not synced.
   *
   * @param survives - whether an entry of a folder, or the content of a file, was written to disk although it
   * was not synced.
   */
  failPower(survives: () => boolean = () => false): void {
    const lose = (folder: SimulatedFolder) => {
      folder.entries = new Map(survives() ? folder.entries : folder.durable)
      folder.durable = new Map(folder.entries)
      for (const entry of folder.entries.values()) {
        if (entry instanceof SimulatedFolder) lose(entry)
        else {
          entry.content = Buffer.from(survives() ? entry.content : entry.durable)
          entry.durable = entry.content
        }
      }
    }
    lose(this.#root)
  }

  /** Returns the paths of all files that are left. */
  paths(): string[] {
    const walk = (folder: SimulatedFolder, path: string): string[] =>
      [...folder.entries].flatMap(([name, entry]) =>
        entry instanceof SimulatedFolder ? walk(entry, `${path}/${name}`) : [`${path}/${name}`],
      )
    return walk(this.#root, '')
  }

  #write(path: string, offset: number, bytes: Buffer): SimulatedFile {
    const { entries } = this.#folder(dirname(path))
    const file = (entries.get(basename(path)) ?? new SimulatedFile()) as SimulatedFile
    entries.set(basename(path), file)
    const end = offset + bytes.length
    file.content = Buffer.concat([
      file.content.subarray(0, offset),
      // A hole in a file reads as zeros.
      Buffer.alloc(Math.max(0, offset - file.content.length)),
      bytes,
      file.content.subarray(end),
    ])
    return file
  }

  #find(path: string): SimulatedFile | SimulatedFolder | undefined {
    let found: SimulatedFile | SimulatedFolder | undefined = this.#root
    for (const name of path.split(sep).filter(Boolean)) {
      found = found instanceof SimulatedFolder ? found.entries.get(name) : undefined
    }
    return found
  }

  #folder(path: string): SimulatedFolder {
    const found = this.#find(path)
    if (found instanceof SimulatedFolder) return found
    throw systemError(found === undefined ? 'ENOENT' : 'ENOTDIR')
  }

  #file(path: string): SimulatedFile {
    const found = this.#find(path)
    if (found instanceof SimulatedFile) return found
    throw systemError(found === undefined ? 'ENOENT' : 'EISDIR')
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code })
}
