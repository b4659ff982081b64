import type { Write } from './dynamodb-items.ts'

/**
 * DynamoDB limits a transaction to 100 actions, of which the lease is one, and 4 MB:
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html. The margin is
 * for the lease, and for sizes that are not counted as DynamoDB counts them.
 */
const MAX_WRITES = 99
const MAX_BYTES = 3_600_000

/** The writes of one update of a key. */
export interface PlannedUpdate {
  readonly keyHash: string
  /** The writes of records. They have no effect on readers until the header is written. */
  readonly records: readonly Write[]
  readonly header: Write
}

/** Writes that are made together. */
export interface Transaction {
  readonly writes: readonly Write[]
  /** The key whose update is incomplete after this transaction. */
  readonly incomplete?: string
  /** The keys whose updates are complete with this transaction. */
  readonly completed: readonly string[]
}

/**
 * Distributes updates over transactions, to be carried out one after the other. Small updates share a
 * transaction, which is the cheapest. An update that is too large for one is split: its header is in the last
 * part, so that a reader sees all of the update or nothing.
 */
export function planTransactions(updates: readonly PlannedUpdate[]): Transaction[] {
  const transactions: Transaction[] = []
  let completed: string[] = []
  let group = new WriteGroup()
  const close = (incomplete?: string) => {
    if (group.writes.length === 0) return
    transactions.push({ writes: group.writes, completed, ...(incomplete !== undefined && { incomplete }) })
    group = new WriteGroup()
    completed = []
  }
  for (const { keyHash, records, header } of updates) {
    const writes = [...records, header]
    if (!group.hasRoom(writes)) close()
    if (group.hasRoom(writes)) {
      for (const write of writes) group.add(write)
    } else {
      for (const write of writes) {
        if (!group.hasRoom([write])) close(keyHash)
        group.add(write)
      }
    }
    completed.push(keyHash)
  }
  close()
  return transactions
}

/** Distributes writes that need not be made together over groups that fit into a transaction. */
export function groupWrites(writes: readonly Write[]): Write[][] {
  const groups: Write[][] = []
  let group = new WriteGroup()
  for (const write of writes) {
    if (!group.hasRoom([write])) {
      groups.push(group.writes)
      group = new WriteGroup()
    }
    group.add(write)
  }
  if (group.writes.length > 0) groups.push(group.writes)
  return groups
}

/** The writes of one transaction. */
class WriteGroup {
  readonly writes: Write[] = []
  #bytes = 0

  hasRoom(writes: readonly Write[]): boolean {
    if (this.writes.length + writes.length > MAX_WRITES) return false
    return writes.reduce((sum, { bytes }) => sum + bytes, this.#bytes) <= MAX_BYTES
  }

  add(write: Write): void {
    this.writes.push(write)
    this.#bytes += write.bytes
  }
}
