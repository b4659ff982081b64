import { toPath } from '../checkpoints/file.ts'
import { nodeFiles } from './durable-files.ts'
import { createFileStore } from './file-store.ts'
import type { ParkingStore } from './parking-store.ts'

/**
 * Small enough that the disk space of a key that is being released for days is freed meanwhile, and that
 * finding a record in one takes little time.
 */
const SEGMENT_LIMITS = { bytes: 16_777_216, records: 10_000 } as const

/**
 * Creates a store that keeps parked records in files, for workers on one machine. Each run has a folder,
 * `<directory>/<encoded name>.parked`, with one file for each parked key and the records as lines of JSON.
 *
 * **Durability.** A save is synced to disk before it resolves. If the process or the machine stops at any
 * moment, each update of a key is complete or has no effect. Damaged files are never skipped: they are
 * reported, and left unchanged.
 *
 * **Fencing.** `acquire` renames a folder, so on a local file system a worker that has lost its lease cannot
 * write even if both run at the same moment. On a network file system whose clients cache names, it may
 * succeed for some time: let all workers run on one machine, or use `dynamoDBParkingStore`. On Windows,
 * `acquire` rejects while another process has one of the files open.
 *
 * **Disk space.** Records are kept in files of up to 10,000 records or 16 MB. Each is deleted when all of its
 * records are finished. Files are created with mode 0600, and folders with mode 0700, at the first `acquire`.
 *
 * Errors of the file system are rethrown unchanged. The methods of the store and of its leases reject with:
 * - `options.invalid`: the name contains a lone surrogate, or the epoch is not a whole number of 0 or more;
 * - `checkpoint.conflict`: another worker has acquired the lease, or has a greater epoch;
 * - `parking.failed`: a file is damaged.
 *
 * @param directory - a path, which is resolved against the current working directory when this function is
 * called, or a `file:` URL.
 * @throws StreamError `options.invalid` if `directory` is neither.
 */
export function fileParkingStore(directory: string | URL): ParkingStore {
  return createFileStore(toPath('directory', directory), nodeFiles, SEGMENT_LIMITS)
}
