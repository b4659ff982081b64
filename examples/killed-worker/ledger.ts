import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { json } from 'node:stream/consumers'

export interface Entry {
  readonly eventId: string
  readonly account: string
  readonly cents: number
}

/** A service that books each entry once, however often it is sent. */
export interface Ledger extends AsyncDisposable {
  readonly url: string
  /** The entries that were booked, in order. */
  readonly entries: readonly Entry[]
  balances(): Record<string, number>
  /** From now on entries are booked, but the responses are lost. */
  loseResponses(isLosing: boolean): void
  /** Resolves when no connection is left, so that no request of a killed worker is still to be read. */
  disconnected(): Promise<void>
}

/** @param onRequest - called for each entry that is sent, also for one that is not booked again. */
export async function startLedger(onRequest: (entry: Entry) => void): Promise<Ledger> {
  const entries = new Map<string, Entry>()
  let isLosing = false
  const read = async (request: IncomingMessage): Promise<Entry> => ({
    eventId: String(request.headers['idempotency-key']),
    ...((await json(request)) as { account: string; cents: number }),
  })
  const server = createServer((request, response) => {
    void read(request).then(
      (entry) => {
        if (!entries.has(entry.eventId)) entries.set(entry.eventId, entry)
        if (!isLosing) response.end()
        onRequest(entry)
      },
      () => {}, // The worker was killed while it sent the request.
    )
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get entries() {
      return [...entries.values()]
    },
    balances() {
      const balances: Record<string, number> = {}
      for (const { account, cents } of entries.values()) balances[account] = (balances[account] ?? 0) + cents
      return balances
    },
    loseResponses(value) {
      isLosing = value
    },
    async disconnected() {
      await Promise.all([...sockets].map((socket) => once(socket, 'close')))
      await new Promise(setImmediate)
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
