import type { StreamRecord } from 'dynamodb-stream-iterator'

export interface Order {
  readonly id: string
  readonly customer: string
  readonly amount: number
}

/** The consumer: adds up the orders of each customer. A lost or repeated record results in a wrong sum. */
export async function sumUp(
  changes: AsyncIterable<StreamRecord<Order>>,
  sums: Map<string, number>,
): Promise<void> {
  for await (const { oldImage, newImage } of changes) {
    if (oldImage) add(sums, oldImage.customer, -oldImage.amount)
    if (newImage) add(sums, newImage.customer, newImage.amount)
  }
}

function add(sums: Map<string, number>, customer: string, amount: number): void {
  sums.set(customer, (sums.get(customer) ?? 0) + amount)
}
