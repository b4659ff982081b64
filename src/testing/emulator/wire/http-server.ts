import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { WireContext } from './operations.ts'
import { headersOf, respond } from './respond.ts'

/** A running HTTP server of the emulator. `await using` closes it. */
export interface EmulatorServer extends AsyncDisposable {
  /** The endpoint to pass to SDK clients, such as `http://127.0.0.1:8000`. */
  readonly url: string
  /** The port on which the server listens. */
  readonly port: number
  /** Stops the server and closes all connections. Idempotent. */
  close(): Promise<void>
}

/** Serves AWS JSON 1.0 over HTTP on the loopback interface. */
export async function listen(context: WireContext, port: number): Promise<EmulatorServer> {
  const server = createServer((request, response) => {
    serve(context, request, response).catch((error: unknown) =>
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

/** The maximum size of a request body, far above that of any supported call. */
const MAX_BODY_BYTES = 1024 * 1024

/**
 * Names of the loopback interface. Other names are refused, so that a web page cannot read the emulator
 * through a host name that resolves to 127.0.0.1 (DNS rebinding).
 */
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

async function serve(
  context: WireContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!LOCAL_HOST.test(request.headers.host ?? '')) {
    response
      .writeHead(403)
      .end(
        'The emulator accepts requests for the loopback interface only. Use http://127.0.0.1 or localhost.',
      )
    return
  }
  const disconnected = new AbortController()
  response.once('close', () => disconnected.abort())
  const body = await readBody(request)
  if (body === undefined) {
    response.writeHead(413, { connection: 'close' }).end()
    return
  }
  const result = await respond(
    context,
    String(request.headers['x-amz-target'] ?? ''),
    body,
    disconnected.signal,
  )
  if (result === 'reset') {
    request.socket.resetAndDestroy()
    return
  }
  const bytes = typeof result.body === 'string' ? Buffer.from(result.body) : result.body
  response.sendDate = false
  response.writeHead(result.statusCode, headersOf(context, result, bytes))
  if (result.truncatedAt === undefined) response.end(bytes)
  else response.write(bytes.subarray(0, result.truncatedAt), () => response.destroy())
}

/** Returns `undefined` if the body is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Keeps the connection open for the response.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
