import type { ReadingOptions } from '../coordinator/options.ts'

/** GetRecords answers with at most 1 MB (API reference). */
const PAGE_BYTES = 1024 * 1024

/** An answer this large was cut by the service, so more follows. */
const FULL_PAGE_BYTES = 900 * 1024

/** What is fetched ahead of one shard, at most, in bytes. */
const MOST_AHEAD_BYTES = 4 * PAGE_BYTES

/** The size of a record (bytes) as long as none was seen: large, so that first answers are small. */
const ASSUMED_RECORD_BYTES = 64 * 1024

/** What the memory is used for at the moment. */
export interface BufferLoad {
  readonly bufferedBytes: number
  /** Shards that have records in the buffer, or must get some before the merge can go on. */
  readonly sharers: number
  /** Calls under way. */
  readonly inFlight: number
}

/**
 * Fits what is asked for to the bound on memory: GetRecords takes a number of records, not of bytes, so the size of a
 * record is learned from the answers.
 *
 * @internal
 */
export class PageBudget {
  readonly #maxBytes: number
  readonly #pageSize: number
  #recordBytes: number = ASSUMED_RECORD_BYTES
  #hasLearned = false
  #reserved = 0

  constructor({ maxBufferedBytes, pageSize }: ReadingOptions) {
    this.#maxBytes = maxBufferedBytes
    this.#pageSize = pageSize
  }

  /** Whether something may be fetched ahead of its need, with `buffered` bytes there: enough to be worth a call. */
  hasRoom(buffered: number, sharers: number): boolean {
    return buffered + this.#reserved + this.#pageBytes(sharers) / 2 <= this.#maxBytes
  }

  /** How many records to ask for now. Until `release` is called, the answer's size counts as used. */
  reserve(load: BufferLoad): { readonly limit: number; release(): void } {
    const limit = Math.max(1, Math.min(this.#pageSize, Math.floor(this.#share(load) / this.#recordBytes)))
    const bytes = Math.min(PAGE_BYTES, limit * this.#recordBytes)
    this.#reserved += bytes
    return {
      limit,
      release: () => {
        this.#reserved -= bytes
      },
    }
  }

  /** Whether a shard with so many records queued has enough for the time being. */
  isEnough(queued: number, sharers: number): boolean {
    const bytes = this.#maxBytes / Math.max(1, sharers) / 4
    return queued * this.#recordBytes >= Math.min(MOST_AHEAD_BYTES, bytes)
  }

  /** Whether an answer was as large as answers get, so that more is likely to follow at once. */
  isFull(count: number, bytes: number, limit: number): boolean {
    return count >= limit || bytes >= FULL_PAGE_BYTES
  }

  learn(count: number, bytes: number): void {
    if (count === 0) return
    const seen = bytes / count
    // Weighed by how much the answer says: one record says little of the next thousand. Large ones are believed sooner.
    const weight = this.#hasLearned ? Math.min(0.5, seen > this.#recordBytes ? 0.5 : count / 200) : 1
    this.#hasLearned = true
    this.#recordBytes = Math.max(1, this.#recordBytes * (1 - weight) + seen * weight)
  }

  /** What one more answer may take: its part of what is free, but no less than every shard may have at any time. */
  #share({ bufferedBytes, sharers, inFlight }: BufferLoad): number {
    const free = (this.#maxBytes - bufferedBytes - this.#reserved) / Math.max(1, inFlight)
    return Math.max(Math.min(free, this.#pageBytes(sharers)), this.#maxBytes / Math.max(1, sharers) / 4)
  }

  /**
   * How large the answers of a shard may be: its part of the memory. The next one is fetched when a quarter of that is
   * left, but of an answer only what was not given out takes memory, so that on average they are all within their parts.
   */
  #pageBytes(sharers: number): number {
    return Math.min(PAGE_BYTES, this.#maxBytes / Math.max(1, sharers))
  }
}
