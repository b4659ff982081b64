import type { Coordinator } from '../../src/index.ts'
import { hashItemKey } from '../../src/records/item-key.ts'
import type { Delivery } from '../../src/shards/shard-ledger.ts'
import type { ManualClock } from '../../src/testing/index.ts'

/** The wait for further records, in ms. Long enough for everything that is retried or hidden for a while. */
const WAIT_MS = 30_000

/** Takes records without settling them, until there is nothing new for half a minute. */
export async function takeAll(coordinator: Coordinator, clock: ManualClock): Promise<Delivery[]> {
  const deliveries: Delivery[] = []
  const isOver = new AbortController()
  clock.setTimer(WAIT_MS, () => isOver.abort())
  while (!isOver.signal.aborted) {
    const delivery = coordinator.takeAvailable()
    if (delivery) deliveries.push(delivery)
    else await clock.run(coordinator.progress(isOver.signal))
  }
  return deliveries
}

/** Makes the entries of these deliveries in a token entries by key, as a run in the order of keys does. */
export function trackByKey(deliveries: readonly Delivery[]): void {
  for (const delivery of deliveries) {
    const { record, resumed } = delivery
    delivery.track({ itemKey: record.itemKey, progress: () => resumed })
  }
}

/** The attribute `n` of the items in these deliveries. */
export function numbersIn(deliveries: readonly Delivery[]): number[] {
  return deliveries.map(({ record }) => (record.newImage as { n: number }).n)
}

export function keyHashOf(delivery: Delivery | undefined): string {
  return hashItemKey(delivery?.record.itemKey ?? '')
}
