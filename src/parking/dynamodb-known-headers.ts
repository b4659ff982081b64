import { type Bounds, getHeader, type Header } from './dynamodb-header.ts'
import type { ParkingTable } from './dynamodb-items.ts'

/** What a lease knows of the headers, so that it need not read them before each save. */
export class KnownHeaders {
  readonly #table: ParkingTable
  readonly #bounds = new Map<string, Bounds>()
  /** The keys whose last write has failed: it may have been made or not. */
  readonly #unknown = new Set<string>()

  constructor(table: ParkingTable, headers: readonly Header[]) {
    this.#table = table
    for (const { key, id, end, floor } of headers) this.#bounds.set(key.keyHash, { id, end, floor })
  }

  /** @returns undefined if the key is not parked. */
  async get(keyHash: string): Promise<Bounds | undefined> {
    if (this.#unknown.has(keyHash)) this.set(keyHash, await getHeader(this.#table, keyHash))
    return this.#bounds.get(keyHash)
  }

  /** @param bounds - undefined if the key is not parked. */
  set(keyHash: string, bounds: Bounds | undefined): void {
    this.#unknown.delete(keyHash)
    if (bounds === undefined) this.#bounds.delete(keyHash)
    else this.#bounds.set(keyHash, { id: bounds.id, end: bounds.end, floor: bounds.floor })
  }

  /** Reads the header again before it is used. */
  forget(keyHash: string): void {
    this.#unknown.add(keyHash)
  }
}
