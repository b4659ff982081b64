import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Takes the place of a search index in the tests. */
export interface SearchIndex {
  readonly url: string
  /** The ids of the orders that were written or deleted, in order. */
  readonly requests: string[]
  /** Responds with this status from now on, also to the requests that are held. */
  respondWith(status: number): void
  /** Does not respond from now on. */
  hold(): void
  close(): Promise<void>
}

export async function startSearchIndex(): Promise<SearchIndex> {
  const requests: string[] = []
  const held: ServerResponse[] = []
  let status: number | undefined = 200
  const server = createServer(({ url = '' }, response) => {
    requests.push(decodeURIComponent(url.slice(1)))
    if (status === undefined) held.push(response)
    else response.writeHead(status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    respondWith(code) {
      status = code
      for (const response of held.splice(0)) response.writeHead(code).end()
    },
    hold() {
      status = undefined
    },
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
