import type { OrderChange } from './orders.ts'

/** Something that happens to the stream while it is read. */
export type Disturbance = 'split' | 'roll' | 'roll-all' | 'expire-iterators'

/** The table that the demo writes to. */
export interface DemoTable extends AsyncDisposable {
  /** A description, such as `the embedded emulator`. */
  readonly place: string
  readonly endpoint: string
  readonly tableName: string
  /** Writes the changes, each of which must be of a different order. */
  write(changes: readonly OrderChange[]): Promise<void>
  /** Disturbs the stream. Returns a description, or `undefined` if this table does not support it. */
  disturb(disturbance: Disturbance): string | undefined
}

export const ordersTable = 'orders'

/** The emulator accepts any settings. DynamoDB Local has separate tables for each region and access key. */
export const clientSettings = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'demo', secretAccessKey: 'demo' },
} as const
