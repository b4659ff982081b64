import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { WorldView } from './operations.ts'
import { answer, headersOf } from './respond.ts'

/** The emulator on a port. */
export interface EmulatorServer extends AsyncDisposable {
  /** The endpoint for SDK clients, as `http://127.0.0.1:8000`. */
  readonly url: string
  readonly port: number
  /** Ends all connections; idempotent. */
  close(): Promise<void>
}

/** Serves AWS JSON 1.0 over HTTP on the loopback interface. */
export async function listen(world: WorldView, port: number): Promise<EmulatorServer> {
  const server = createServer((request, response) => {
    serve(world, request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
    return closed
  }
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, close, [Symbol.asyncDispose]: close }
}

/** Far more than any call of the API has. */
const MAX_BODY_BYTES = 1024 * 1024

/**
 * Names of the loopback interface. A page whose own host name was made to point here
 * (DNS rebinding) would send that name, and could read the emulator otherwise.
 */
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

async function serve(world: WorldView, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!LOCAL_HOST.test(request.headers.host ?? '')) {
    response.writeHead(403).end('The emulator answers on the loopback interface only')
    return
  }
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const body = await readBody(request)
  if (body === undefined) {
    response.writeHead(413, { connection: 'close' }).end()
    return
  }
  const given = await answer(world, String(request.headers['x-amz-target'] ?? ''), body, gone.signal)
  if (given === 'reset') {
    request.socket.resetAndDestroy()
    return
  }
  const bytes = typeof given.body === 'string' ? Buffer.from(given.body) : given.body
  response.sendDate = false
  response.writeHead(given.statusCode, headersOf(world, given, bytes))
  if (given.breaksOffAt === undefined) response.end(bytes)
  else response.write(bytes.subarray(0, given.breaksOffAt), () => response.destroy())
}

/** Undefined where it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  // The connection stays, for the response.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
