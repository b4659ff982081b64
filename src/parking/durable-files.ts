import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { createFolder, FILE_MODE, FOLDER_MODE, replaceFile, syncFolder } from '../checkpoints/atomic-file.ts'
import { errorCode } from '../core/error-code.ts'

/**
 * The operations of the file store on files and folders. Each rejects with the code ENOENT if a folder of its
 * path does not exist. What they write is on disk when they resolve, but a new, renamed or removed entry of a
 * folder only when {@link DurableFiles.syncFolder} has resolved for that folder.
 */
export interface DurableFiles {
  /** Returns the names of the entries of a folder, in any order. */
  list(folder: string): Promise<readonly string[]>
  exists(path: string): Promise<boolean>
  readText(path: string): Promise<string>
  /** Returns `length` bytes of a file, or fewer if it ends before. */
  read(path: string, offset: number, length: number): Promise<Buffer>
  /** Writes to a file from an offset on, and creates it if it is missing. Not atomic. */
  write(path: string, offset: number, chunks: Iterable<Uint8Array>): Promise<void>
  /** Replaces the content of a file, or creates it, atomically. */
  replace(path: string, text: string): Promise<void>
  /** Removes a file. Returns false if it does not exist. */
  remove(path: string): Promise<boolean>
  /** Renames a file or a folder, atomically. A folder replaces another one only if that is empty. */
  rename(from: string, to: string): Promise<void>
  /** Creates a folder in an existing folder. */
  createFolder(folder: string): Promise<void>
  /** Creates a folder and the folders that contain it, unless they exist; durably. */
  createFolders(folder: string): Promise<void>
  /** Removes a folder with everything in it. */
  removeFolder(folder: string): Promise<void>
  syncFolder(folder: string): Promise<void>
}

/** The files and folders of this machine. */
export const nodeFiles: DurableFiles = {
  list: (folder) => readdir(folder),
  async exists(path) {
    try {
      await stat(path)
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  },
  readText: (path) => readFile(path, 'utf8'),
  async read(path, offset, length) {
    const file = await open(path, 'r')
    try {
      return await readFully(file, offset, length)
    } finally {
      await file.close()
    }
  },
  async write(path, offset, chunks) {
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT, FILE_MODE)
    try {
      let position = offset
      for (const chunk of chunks) {
        await writeFully(file, chunk, position)
        position += chunk.length
      }
      await file.sync()
    } finally {
      await file.close()
    }
  },
  replace: replaceFile,
  async remove(path) {
    try {
      await unlink(path)
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  },
  rename,
  createFolder: (folder) => mkdir(folder, FOLDER_MODE),
  createFolders: createFolder,
  removeFolder: (folder) => rm(folder, { recursive: true, force: true }),
  syncFolder,
}

async function readFully(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  let size = 0
  while (size < length) {
    const { bytesRead } = await file.read(buffer, size, length - size, offset + size)
    if (bytesRead === 0) break
    size += bytesRead
  }
  return buffer.subarray(0, size)
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written)
    written += bytesWritten
  }
}
