import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** A DynamoDB API call that passes through the proxy. */
export interface ProxiedCall {
  /** The name of the operation, such as `UpdateItem`. */
  readonly operation: string
  readonly body: string
}

/** What the proxy does with a call. */
export type Fate =
  | { readonly do: 'pass'; readonly afterMs?: number }
  /** The call never reaches the service. */
  | { readonly do: 'drop' }
  /** The service executes the call, and the connection breaks before the response. */
  | { readonly do: 'loseResponse' }
  /** The connection breaks immediately, and the service executes the call later. */
  | { readonly do: 'deliverLate'; readonly afterMs: number }
  /** The proxy responds with an error of this name. */
  | { readonly do: 'refuse'; readonly error: string }

export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string
  /** Resolves when all calls that are delivered late have been executed. */
  lateCalls(): Promise<void>
}

/** Starts a proxy for a DynamoDB endpoint that loses, delays and rejects calls. */
export async function faultyProxy(
  target: string,
  fateOf: (call: ProxiedCall) => Fate | undefined,
): Promise<FaultyProxy> {
  const { hostname, port } = new URL(target)
  const late = new Set<Promise<unknown>>()

  const server = createServer((incoming, response) => {
    void serve(incoming, response).catch(() => incoming.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async lateCalls() {
      while (late.size > 0) await Promise.allSettled(late)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readAll(incoming)
    const operation = String(incoming.headers['x-amz-target']).split('.')[1] ?? ''
    const fate = fateOf({ operation, body: body.toString('latin1') }) ?? { do: 'pass' }
    switch (fate.do) {
      case 'drop':
        incoming.socket.destroy()
        return
      case 'refuse': {
        const type = `com.amazonaws.dynamodb.v20120810#${fate.error}`
        response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
        response.end(JSON.stringify({ __type: type, message: fate.error }))
        return
      }
      case 'deliverLate': {
        incoming.socket.destroy()
        const call = wait(fate.afterMs).then(() => forward(incoming, body))
        late.add(call)
        void call.catch(() => {}).then(() => late.delete(call))
        return
      }
      case 'loseResponse':
        await forward(incoming, body)
        incoming.socket.destroy()
        return
      case 'pass': {
        if (fate.afterMs) await wait(fate.afterMs)
        const { status, headers, body: responseBody } = await forward(incoming, body)
        const { 'transfer-encoding': _, ...otherHeaders } = headers
        response.writeHead(status, otherHeaders)
        response.end(responseBody)
      }
    }
  }

  async function forward({ method, url, headers }: IncomingMessage, body: Buffer): Promise<ServiceResponse> {
    const host = `${hostname}:${port}`
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { hostname, port, method, path: url, headers: { ...headers, host } },
        (response) => {
          readAll(response).then(
            (bytes) =>
              resolve({ status: response.statusCode ?? 500, headers: response.headers, body: bytes }),
            reject,
          )
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
}

interface ServiceResponse {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
