import { createRelay, type Relay, type RelayMessage, type RelayOptions } from '../../../src/index.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import type { RelayTarget } from '../../../src/relay/relay-target.ts'
import { ManualClock } from '../../../src/testing/index.ts'
import { rawRecord, recordOf } from '../../support/dead-letters.ts'

/** A queue whose calls a test settles. */
export class FakeQueue {
  readonly clock: ManualClock = new ManualClock()
  /** The calls so far, in order. */
  readonly calls: FakeCall[] = []
  readonly relay: Relay

  constructor(target: Partial<RelayTarget> = {}, options: RelayOptions = {}) {
    const publish: RelayTarget['publish'] = (messages, signal) =>
      new Promise<readonly never[]>((resolve, reject) => {
        this.calls.push({ messages, signal, resolve: resolve as FakeCall['resolve'], reject })
      })
    this.relay = createRelay(
      { name: 'the queue', maxMessageBytes: 10_000, maxBatchMessages: 3, publish, ...target },
      { clock: this.clock, random: () => 0.999_999, ...options },
    )
  }

  /** Sends the change of an item. The result of the relay is in `settled` once there is one. */
  send(id: string, { sequenceNumber = '1', size = 0 }: SendOptions = {}): Sent {
    const controller = new AbortController()
    const sent: Sent = { controller, settled: undefined }
    this.relay(orderRecord(id, sequenceNumber, size), { signal: controller.signal }).then(
      () => {
        sent.settled = 'stored'
      },
      (error: unknown) => {
        sent.settled = error
      },
    )
    return sent
  }

  /** The ids of the items in each call. */
  get batches(): string[][] {
    return this.calls.map(({ messages }) => messages.map(itemOf))
  }
}

interface SendOptions {
  readonly sequenceNumber?: string
  /** The size of the item, in bytes. */
  readonly size?: number
}

export interface Sent {
  readonly controller: AbortController
  settled: unknown
}

export interface FakeCall {
  readonly messages: readonly RelayMessage[]
  readonly signal: AbortSignal
  readonly resolve: (refused?: Awaited<ReturnType<RelayTarget['publish']>>) => void
  readonly reject: (error: unknown) => void
}

export function itemOf({ body }: Pick<RelayMessage, 'body'>): string {
  return JSON.parse(body).dynamodb.Keys.id.S
}

export function orderRecord(id: string, sequenceNumber = '1', size = 0): StreamRecord {
  const image = { id: { S: id }, note: { S: 'x'.repeat(size) } }
  const raw = rawRecord({ Keys: { id: { S: id } }, NewImage: image, SequenceNumber: sequenceNumber })
  return recordOf({ ...raw, eventID: `event-${id}-${sequenceNumber}` })
}
