/** What the processes of the fleet send to the one that has started them. */
export type Report =
  | { readonly kind: 'ready' }
  /** A worker has a change to apply, and waits for a message in return. */
  | {
      readonly kind: 'handled'
      readonly orderId: string
      readonly version: number
      /** Increases with each change of an order. */
      readonly position: string
    }

export interface Order {
  readonly id: string
  readonly version: number
}

/** Sends a report, and resolves when it has left the process. */
export function send(report: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(report, undefined, undefined, (error) => (error ? reject(error) : resolve()))
  })
}

/** Where the queue is. */
export type Engine =
  | { readonly kind: 'sqs'; readonly endpoint: string; readonly queueUrl: string }
  | { readonly kind: 'nats'; readonly url: string }

/** The partitions of JetStream: up to as many messages are handled at the same time, by all workers. */
export const PARTITIONS = 64

/** How long a message of a killed worker stays hidden from the others, in seconds. */
export const VISIBILITY_SECONDS = 2
