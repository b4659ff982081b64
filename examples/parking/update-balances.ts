import {
  type DynamoDBStream,
  type ParkingStore,
  type ProcessingRun,
  processStream,
} from 'dynamodb-stream-iterator'

export interface Booking {
  readonly account: string
  readonly amount: number
}

/** The program that the worker calls. A bug in it can block an account for days. */
export type Book = (booking: Booking) => Promise<void>

/**
 * Books the changes of each account in order. An account whose booking fails ten times is parked: its later
 * bookings wait in the store behind the failing one, and all other accounts continue.
 */
export function updateBalances(
  stream: DynamoDBStream<Booking>,
  book: Book,
  store: ParkingStore,
): ProcessingRun {
  return processStream(
    stream,
    async ({ newImage }) => {
      if (newImage) await book(newImage)
    },
    {
      parking: { store, after: { attempts: 10 } },
      retry: {
        // In an outage of the database, every account fails. None of them is parked for that.
        classify: (error) => ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'wait' : 'retry'),
      },
    },
  )
}

/** Releases every account that is parked, once the fix is deployed. Returns how many there are. */
export async function releaseAll(store: ParkingStore, name: string): Promise<number> {
  let released = 0
  for await (const { keyHash } of store.list(name)) if (await store.release(name, keyHash)) released++
  return released
}
