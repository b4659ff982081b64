import type { Write } from './dynamodb-items.ts'

/**
 * The writes of an update that is too large for one transaction and has not been completed. When the save is
 * repeated, those that are made already are omitted, so that it makes progress while writes are throttled.
 */
export class IncompleteUpdate {
  /** What is written, by sort key; undefined if the write has failed: it may have been made or not. */
  readonly #fingerprints = new Map<string, string | undefined>()

  made(writes: readonly Write[]): void {
    for (const { key, fingerprint } of writes) this.#fingerprints.set(key.part, fingerprint)
  }

  failed(writes: readonly Write[]): void {
    for (const { key } of writes) this.#fingerprints.set(key.part, undefined)
  }

  clear(): void {
    this.#fingerprints.clear()
  }

  /** Whether an update writes everything that this one has written. */
  isPartOf(writes: readonly Write[]): boolean {
    const parts = new Set(writes.map(({ key }) => key.part))
    return [...this.#fingerprints.keys()].every((part) => parts.has(part))
  }

  /** Returns the writes that are not made yet. */
  missing(writes: readonly Write[]): Write[] {
    return writes.filter(
      ({ key, fingerprint }) => fingerprint === undefined || this.#fingerprints.get(key.part) !== fingerprint,
    )
  }
}
