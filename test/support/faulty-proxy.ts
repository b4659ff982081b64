import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** A call of the DynamoDB API on its way. */
export interface ProxiedCall {
  /** As in `UpdateItem`. */
  readonly operation: string
  readonly body: string
}

/** What happens to a call. */
export type Fate =
  | { readonly do: 'pass'; readonly afterMs?: number }
  /** It never arrives. */
  | { readonly do: 'drop' }
  /** It is carried out, and the connection breaks before the response. */
  | { readonly do: 'loseResponse' }
  /** The connection breaks at once, and it is carried out later. */
  | { readonly do: 'deliverLate'; readonly afterMs: number }
  /** The service answers with an error of this name. */
  | { readonly do: 'refuse'; readonly error: string }

export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string
  /** Resolves when every call that is delivered late was carried out. */
  lateCalls(): Promise<void>
}

/** A proxy in front of a DynamoDB endpoint that loses, delays and refuses calls. */
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
        const answer = await forward(incoming, body)
        const { 'transfer-encoding': _, ...headers } = answer.headers
        response.writeHead(answer.status, headers)
        response.end(answer.body)
      }
    }
  }

  async function forward({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
    const host = `${hostname}:${port}`
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { hostname, port, method, path: url, headers: { ...headers, host } },
        (answer) => {
          readAll(answer).then(
            (bytes) => resolve({ status: answer.statusCode ?? 500, headers: answer.headers, body: bytes }),
            reject,
          )
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
