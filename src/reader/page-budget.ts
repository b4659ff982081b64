/** GetRecords returns at most 1 MB (API reference). */
const PAGE_BYTES = 1024 * 1024

/** A page this large ended because of its size, so more records follow. */
const FULL_PAGE_BYTES = 900 * 1024

/** The maximum size of the prefetched records of a shard, in bytes. */
const MAX_PREFETCHED_BYTES = 4 * PAGE_BYTES

/** The assumed size of a record (bytes) before the first page: large, so that the first pages are small. */
const ASSUMED_RECORD_BYTES = 64 * 1024

/** What currently uses memory. */
export interface BufferLoad {
  readonly bufferedBytes: number
  /** The number of shards that have buffered records or block the merge, or of reads in flight if higher. */
  readonly shards: number
  /** The number of reads in flight. */
  readonly inFlight: number
}

/**
 * Keeps the requested pages within the memory limit. GetRecords limits the number of records, not of bytes,
 * so the size of a record is estimated from the pages received so far.
 *
 * @internal
 */
export class PageBudget {
  readonly #maxBytes: number
  readonly #pageSize: number
  #recordBytes: number = ASSUMED_RECORD_BYTES
  #hasObserved = false
  #reserved = 0

  constructor({ maxBufferedBytes, pageSize }: { maxBufferedBytes: number; pageSize: number }) {
    this.#maxBytes = maxBufferedBytes
    this.#pageSize = pageSize
  }

  /** Whether there is memory for a page that the merge does not wait for: at least half a page. */
  hasRoom({ bufferedBytes, shards }: BufferLoad): boolean {
    return bufferedBytes + this.#reserved + this.#pageBytes(shards) / 2 <= this.#maxBytes
  }

  /**
   * Returns how many records to request. The page's estimated size counts as used until `release` is called.
   */
  reserve(load: BufferLoad, maxRecords: number): { readonly limit: number; release(): void } {
    const fitting = Math.floor(this.#share(load) / this.#recordBytes)
    const limit = Math.max(1, Math.min(this.#pageSize, maxRecords, fitting))
    const bytes = Math.min(PAGE_BYTES, limit * this.#recordBytes)
    this.#reserved += bytes
    return {
      limit,
      release: () => {
        this.#reserved -= bytes
      },
    }
  }

  /** Whether a shard with this many buffered records need not be read for now. */
  isPrefetched(queued: number, shards: number): boolean {
    const bytes = this.#maxBytes / Math.max(1, shards) / 4
    return queued * this.#recordBytes >= Math.min(MAX_PREFETCHED_BYTES, bytes)
  }

  /** Whether a page was as large as pages get, so that more records are likely to follow. */
  isFull(count: number, bytes: number, limit: number): boolean {
    return count >= limit || bytes >= FULL_PAGE_BYTES
  }

  /** Updates the estimated size of a record with a page of `count` records and `bytes` bytes. */
  observe(count: number, bytes: number): void {
    if (count === 0) return
    const observed = bytes / count
    // The weight grows with the number of records: one record says little about the next thousand. Larger
    // records always have the full weight, because an estimate that is too low would exceed the memory limit.
    const weight = this.#hasObserved ? Math.min(0.5, observed > this.#recordBytes ? 0.5 : count / 200) : 1
    this.#hasObserved = true
    this.#recordBytes = Math.max(1, this.#recordBytes * (1 - weight) + observed * weight)
  }

  /**
   * How large the next page may be (bytes): the shard's share of the memory, limited by what is free, but at
   * least a quarter of its share.
   */
  #share({ bufferedBytes, shards, inFlight }: BufferLoad): number {
    const free = (this.#maxBytes - bufferedBytes - this.#reserved) / Math.max(1, inFlight)
    return Math.max(Math.min(free, this.#pageBytes(shards)), this.#maxBytes / Math.max(1, shards) / 4)
  }

  /**
   * How large the pages of a shard may be (bytes): its share of the memory, up to the largest page of the
   * service. The next page is fetched when a quarter of the share is left. Only the undelivered part of a
   * page uses memory, so on average all shards stay within their shares.
   */
  #pageBytes(shards: number): number {
    return Math.min(PAGE_BYTES, this.#maxBytes / Math.max(1, shards))
  }
}
