import { basename, join } from 'node:path'
import { encodeFileName } from '../checkpoints/checkpoint-file-name.ts'
import { errorCode } from '../core/error-code.ts'
import type { StreamErrorDetails } from '../core/errors.ts'
import type { DurableFiles } from './durable-files.ts'
import { damaged } from './file-damage.ts'
import { keysFolder, type LeaseFolder, recordsFolder } from './file-folder.ts'
import type { ParkedKey } from './parking-store.ts'

/**
 * The file of a parked key. Replacing it commits everything that was written before: bytes of a segment that
 * no key file counts do not exist for a reader.
 */
export interface KeyFile {
  /** Distinguishes this time that the key was parked from other times. */
  readonly id: string
  readonly key: ParkedKey
  /** How many segments were created so far, including those that were deleted. */
  readonly created: number
  /** The files with the records that are not finished, in the order of their records. */
  readonly segments: readonly Segment[]
}

/** A file with records of one key, as lines of JSON. */
export interface Segment {
  /** The end of the file's name. It starts with the number of the lease that has written the file. */
  readonly id: string
  /** The size of its records. The file may be larger: what follows was never committed. */
  readonly bytes: number
  readonly records: number
  /** The position of its last record. */
  readonly last: string
}

export function keyPath(folder: LeaseFolder, keyHash: string): string {
  return join(keysFolder(folder), `${encodeFileName(keyHash)}.json`)
}

/** The name of a segment is never used again, also if the key is removed and parked again. */
export function segmentPath(folder: LeaseFolder, keyHash: string, keyId: string, segmentId: string): string {
  return join(recordsFolder(folder), `${encodeFileName(keyHash)}.${keyId}.${segmentId}.jsonl`)
}

/** What an operation that reads the file is for, for an error. */
export type ReadFor = Omit<StreamErrorDetails['parking.failed'], 'keyHash'>

/**
 * Reads the file of a key; `undefined` if the key is not parked.
 *
 * @throws StreamError `parking.failed` if it is damaged; an error with the code ENOENT if the folder has been
 * renamed.
 */
export async function readKeyFile(
  files: DurableFiles,
  folder: LeaseFolder,
  keyHash: string,
  readFor: ReadFor,
): Promise<KeyFile | undefined> {
  const path = keyPath(folder, keyHash)
  const found = await readPath(files, folder, path, readFor)
  if (found === undefined || found.key.keyHash === keyHash) return found
  throw damaged({ ...readFor, keyHash }, path, 'is the file of another key')
}

/** Reads the file with this name in the folder of keys, like {@link readKeyFile}. */
export async function readNamedKeyFile(
  files: DurableFiles,
  folder: LeaseFolder,
  fileName: string,
  readFor: ReadFor,
): Promise<KeyFile | undefined> {
  const path = join(keysFolder(folder), fileName)
  const found = await readPath(files, folder, path, readFor)
  if (found === undefined || basename(keyPath(folder, found.key.keyHash)) === fileName) return found
  throw damaged(readFor, path, 'is the file of another key')
}

async function readPath(
  files: DurableFiles,
  folder: LeaseFolder,
  path: string,
  readFor: ReadFor,
): Promise<KeyFile | undefined> {
  const text = await files.readText(path).catch(async (error: unknown) => {
    if (errorCode(error) === 'ENOENT' && (await files.exists(keysFolder(folder)))) return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    return parseKeyFile(text)
  } catch (cause) {
    const problem = text.trim() === '' ? 'is empty' : 'does not contain a parked key as JSON'
    throw damaged(readFor, path, problem, cause)
  }
}

export function serializeKeyFile({ id, key, created, segments }: KeyFile): string {
  return `${JSON.stringify({ version: 1, id, key, created, segments })}\n`
}

/**
 * Checks the members that every version has written. Others are returned unchanged.
 *
 * @throws Error without values of the file, if it is damaged.
 */
function parseKeyFile(text: string): KeyFile {
  const file = object(parseJson(text))
  check(file.version === 1 && isId(file.id) && isCount(file.created) && Array.isArray(file.segments))
  for (const segment of file.segments) {
    const { id, bytes, records, last } = object(segment)
    check(isId(id) && isCount(bytes) && isCount(records) && typeof last === 'string')
  }
  checkKey(object(file.key))
  return file as unknown as KeyFile
}

function checkKey({ keyHash, key, state, parkedAt, records, last, finished, progress }: Json): void {
  check(typeof keyHash === 'string' && typeof key === 'string')
  check(state === 'parked' || state === 'releasing')
  check(typeof parkedAt === 'number' && isCount(records) && typeof last === 'string')
  check(finished === undefined || typeof finished === 'string')
  if (progress !== undefined) checkProgress(object(progress))
}

function checkProgress({ attempts, since, running, done, error }: Json): void {
  check(isCount(attempts) && typeof since === 'number' && (running === undefined || running === true))
  check(done === undefined || (Array.isArray(done) && done.every((task) => typeof task === 'string')))
  if (error === undefined) return
  const { name, code } = object(error)
  check(typeof name === 'string' && (code === undefined || typeof code === 'string'))
}

type Json = Readonly<Record<string, unknown>>

/** Unlike the error of `JSON.parse`, that of this function does not quote the text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('It is not valid JSON.')
  }
}

function check(isValid: boolean): asserts isValid {
  if (!isValid) throw new Error('A member is missing or has a wrong type.')
}

function object(value: unknown): Json {
  check(typeof value === 'object' && value !== null && !Array.isArray(value))
  return value as Json
}

/** Ids consist of the number of a lease and another number. */
function isId(value: unknown): boolean {
  return typeof value === 'string' && /^\d+-\d+$/.test(value)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
