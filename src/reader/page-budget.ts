/** GetRecords returns at most 1 MB (API reference). */
const PAGE_BYTES = 1024 * 1024

/** A page this large was ended by the service, so more follows. */
const FULL_PAGE_BYTES = 900 * 1024

/** How much is fetched ahead of one shard, at most, in bytes. */
const MOST_AHEAD_BYTES = 4 * PAGE_BYTES

/** The size of a record (bytes) until one was seen: large, so that the first pages are small. */
const ASSUMED_RECORD_BYTES = 64 * 1024

/** What the memory is used for at the moment. */
export interface BufferLoad {
  readonly bufferedBytes: number
  /** Shards that have records in the buffer, are being read, or must get records before the merge can proceed. */
  readonly shards: number
  /** Reads in flight. */
  readonly inFlight: number
}

/**
 * Fits the pages that are requested to the bound on memory: GetRecords takes a number of records, not of bytes, so the size
 * of a record is learned from the pages.
 *
 * @internal
 */
export class PageBudget {
  readonly #maxBytes: number
  readonly #pageSize: number
  #recordBytes: number = ASSUMED_RECORD_BYTES
  #hasLearned = false
  #reserved = 0

  constructor({ maxBufferedBytes, pageSize }: { maxBufferedBytes: number; pageSize: number }) {
    this.#maxBytes = maxBufferedBytes
    this.#pageSize = pageSize
  }

  /** Whether there is memory for a page that the merge does not wait for: for one that is worth a call. */
  hasRoom({ bufferedBytes, shards }: BufferLoad): boolean {
    return bufferedBytes + this.#reserved + this.#pageBytes(shards) / 2 <= this.#maxBytes
  }

  /** How many records to request now. Until `release` is called, the page's size counts as used. */
  reserve(load: BufferLoad, mostRecords: number): { readonly limit: number; release(): void } {
    const wanted = Math.floor(this.#share(load) / this.#recordBytes)
    const limit = Math.max(1, Math.min(this.#pageSize, mostRecords, wanted))
    const bytes = Math.min(PAGE_BYTES, limit * this.#recordBytes)
    this.#reserved += bytes
    return {
      limit,
      release: () => {
        this.#reserved -= bytes
      },
    }
  }

  /** Whether a shard with this many records queued has enough for the time being. */
  isPrefetched(queued: number, shards: number): boolean {
    const bytes = this.#maxBytes / Math.max(1, shards) / 4
    return queued * this.#recordBytes >= Math.min(MOST_AHEAD_BYTES, bytes)
  }

  /** Whether a page was as large as pages get, so that more is likely to follow at once. */
  isFull(count: number, bytes: number, limit: number): boolean {
    return count >= limit || bytes >= FULL_PAGE_BYTES
  }

  /** Learns the size of a record from a page. */
  observe(count: number, bytes: number): void {
    if (count === 0) return
    const seen = bytes / count
    // Weighed by how many records there are: one says little about the next thousand. Large ones are believed sooner.
    const weight = this.#hasLearned ? Math.min(0.5, seen > this.#recordBytes ? 0.5 : count / 200) : 1
    this.#hasLearned = true
    this.#recordBytes = Math.max(1, this.#recordBytes * (1 - weight) + seen * weight)
  }

  /** What one more page may take: the shard's part of the memory, but not more than its part of what is free. */
  #share({ bufferedBytes, shards, inFlight }: BufferLoad): number {
    const free = (this.#maxBytes - bufferedBytes - this.#reserved) / Math.max(1, inFlight)
    return Math.max(Math.min(free, this.#pageBytes(shards)), this.#maxBytes / Math.max(1, shards) / 4)
  }

  /**
   * How large the pages of a shard may be: its part of the memory. The next one is fetched when a quarter of that is left,
   * but of a page only what was not delivered takes memory, so that on average they are all within their parts.
   */
  #pageBytes(shards: number): number {
    return Math.min(PAGE_BYTES, this.#maxBytes / Math.max(1, shards))
  }
}
