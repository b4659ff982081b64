import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ProcessingHealth } from 'dynamodb-stream-iterator'

export interface WorkerHealth extends Partial<Omit<ProcessingHealth, 'state'>> {
  /** The state of the run; `'starting'` until the stream is open. */
  readonly state: ProcessingHealth['state'] | 'starting'
  readonly millisBehindLatest?: number
}

/**
 * Serves two probes, and returns their port.
 *
 * - `/live` succeeds if the process responds. Restarting it helps if it does not.
 * - `/ready` succeeds if records are processed, or could be. It fails while the worker starts, stops, or is
 *   stalled because something that the handler needs is down. Restarting it would not help.
 */
export async function serveHealth(port: number, health: () => WorkerHealth): Promise<number> {
  const server = createServer(({ url }, response) => {
    if (url === '/live') response.end('alive')
    else if (url === '/ready') {
      const report = health()
      const isReady = report.state === 'running' || report.state === 'paused'
      response.writeHead(isReady ? 200 : 503, { 'content-type': 'application/json' })
      response.end(JSON.stringify(report))
    } else response.writeHead(404).end()
  })
  server.listen(port)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
