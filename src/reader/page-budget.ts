import type { ReadingOptions } from '../options.ts'

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

  /** Whether something may be fetched ahead of its need, with `buffered` bytes there. */
  hasRoom(buffered: number): boolean {
    return buffered + this.#reserved < this.#maxBytes
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

  /** Whether a shard with `queued` bytes has enough for the time being. */
  isEnough(queued: number, sharers: number): boolean {
    return queued >= Math.min(MOST_AHEAD_BYTES, this.#maxBytes / Math.max(1, sharers) / 2)
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

  /** What one more answer may take: its part of what is free, or at least a part that every shard may have. */
  #share({ bufferedBytes, sharers, inFlight }: BufferLoad): number {
    const free = (this.#maxBytes - bufferedBytes - this.#reserved) / Math.max(1, sharers, inFlight)
    return Math.max(free, this.#maxBytes / Math.max(1, sharers) / 4)
  }
}
