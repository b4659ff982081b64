/**
 * Stores the records of parked keys: keys whose records fail for longer than the stream retains them. One
 * worker at a time writes to it, with a {@link ParkingLease}. Any process can list keys, and can request that
 * they are released.
 *
 * A store need not understand positions and contents. Positions are strings that are compared as strings (by
 * UTF-16 code unit). The library makes the calls of one lease one at a time.
 */
export interface ParkingStore {
  /**
   * Acquires the right to write the parked keys of a worker, and reads all of them. From then on, every
   * earlier lease for this name is lost: its calls reject with the `StreamError` `checkpoint.conflict`.
   *
   * @param name - the name of the run.
   */
  acquire(name: string, options?: AcquireParkingOptions): Promise<ParkingLease>
  /** Yields the keys that are parked, in any order. Does not disturb the worker. */
  list(name: string): AsyncIterable<ParkedKey>
  /** Returns a parked key, or `undefined` if the key is not parked. Does not disturb the worker. */
  get(name: string, keyHash: string): Promise<ParkedKey | undefined>
  /**
   * Yields the parked records of a key that are not finished, by position. Does not disturb the worker.
   * Yields nothing if the key is not parked.
   */
  records(name: string, keyHash: string): AsyncIterable<ParkedRecord>
  /**
   * Requests that the worker processes the parked records of a key, and then returns to reading it from the
   * stream. The worker sees the request within a few seconds or, if none is running, when one starts. It
   * replaces an earlier request for the key.
   *
   * @returns false if the key is not parked; then nothing was requested.
   */
  release(name: string, keyHash: string): Promise<boolean>
  /**
   * Requests that the worker drops the records of a key that are parked by then, and returns to reading the
   * key from the stream. It replaces an earlier request for the key.
   *
   * @returns false if the key is not parked; then nothing was requested.
   */
  drop(name: string, keyHash: string): Promise<boolean>
}

/** Options of `ParkingStore.acquire`. */
export interface AcquireParkingOptions {
  /**
   * The fencing number of the worker's checkpoint lease. Rejects with `checkpoint.conflict` if a lease with a
   * greater one was acquired before: this worker has lost its checkpoint without noticing.
   * @default no check
   */
  readonly epoch?: number | undefined
  /** Aborts the calls that acquire the lease. It has no effect on the lease afterwards. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The right of one worker to write parked keys. Every method rejects with the `StreamError`
 * `checkpoint.conflict` once another worker has acquired the right. Any other rejection is retried.
 *
 * Every call must settle: the library waits for it, and makes no other one meanwhile.
 *
 * A rejected call must not take effect later, after another call has succeeded: if a timeout in the store can
 * leave a write in flight, make that write conditional.
 */
export interface ParkingLease {
  /** The keys that were parked when the lease was acquired. */
  readonly keys: readonly ParkedKey[]
  /**
   * Saves the state of one or more keys, and adds records to them. Each update is durable and atomic: a
   * reader sees all of it or nothing. Several updates need not be atomic together. A record whose position is
   * stored already is replaced. Records up to {@link ParkedKey.finished} can be deleted from then on.
   *
   * If the call rejects, the library calls it again with at least the same records and a later state.
   */
  save(updates: readonly ParkedKeyUpdate[]): Promise<void>
  /** Removes a key with all of its records and requests. Does nothing if the key is not parked. */
  remove(keyHash: string): Promise<void>
  /**
   * Returns the records of a key that are not finished, after a position (undefined: from the first one), by
   * position. Returns nothing if the key is not parked.
   *
   * @param limit - the maximum number of records; 1 or more. A store may return fewer, but at least one if
   * there is one.
   */
  read(keyHash: string, after: string | undefined, limit: number): Promise<readonly ParkedRecord[]>
  /** Returns the requests that are not completed, at most one for each key. */
  requests(): Promise<readonly ParkingRequest[]>
  /** Removes a request, unless another one has replaced it since. */
  complete(request: ParkingRequest): Promise<void>
  /** Ends the use of the store. The library makes no calls afterwards. Must not reject. */
  close(): Promise<void>
}

/** A key and its state. */
export interface ParkedKey {
  /** The hash of the item's primary key: 22 characters of base64url, as in dead letters and events. */
  readonly keyHash: string
  /** The item's primary key, as JSON in the format of DynamoDB: `{"id":{"S":"1"}}`. At most 8 kB. */
  readonly key: string
  /** Whether the key is being released. */
  readonly state: 'parked' | 'releasing'
  /** When the key was parked, or when a release of it has failed last; in ms since 1970. */
  readonly parkedAt: number
  /** The number of records that are parked and not finished; 0 or more. */
  readonly records: number
  /** The position of the last record that was parked. */
  readonly last: string
  /** The position of the last record that was processed or dropped; undefined if none was. */
  readonly finished?: string
  /** The attempts to process the first record that is not finished; undefined if it was never attempted. */
  readonly progress?: ParkedProgress
}

/** What is known about the attempts to process a parked record. */
export interface ParkedProgress {
  /** The number of attempts that count, including one that is running; 0 or more. */
  readonly attempts: number
  /** When the first attempt was started, in ms since 1970. */
  readonly since: number
  /** Whether an attempt was running, so that its outcome is unknown. */
  readonly running?: true
  /** The names of the tasks that need not run again. */
  readonly done?: readonly string[]
  /** The error of the last failed attempt. */
  readonly error?: { readonly name: string; readonly code?: string }
}

/** A parked record. */
export interface ParkedRecord {
  /** Where the record is in the order of its key. At most 100 characters of ASCII. */
  readonly position: string
  /** The record as JSON. Up to about 2 MB: an item has up to 400 kB, and a record has two images of it. */
  readonly content: string
}

/** A change of one key. */
export interface ParkedKeyUpdate {
  /** The new state of the key, which replaces the former one. */
  readonly key: ParkedKey
  /** Records to add, by position; all after those that are stored. */
  readonly added: readonly ParkedRecord[]
}

/** A request of an operator. */
export interface ParkingRequest {
  readonly keyHash: string
  readonly action: 'release' | 'drop'
  /** Distinguishes the request from others for the same key. */
  readonly id: string
  /**
   * Of a drop: the position of the last record that was parked when it was requested. Only the records up to
   * it are dropped, also if the request is read again after a crash. Undefined: all that are parked when the
   * request is carried out.
   */
  readonly until?: string | undefined
}
