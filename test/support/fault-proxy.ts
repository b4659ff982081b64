import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The services behind the proxy, which differ in their protocols. */
export type ProxiedService = 'sqs' | 'sns' | 's3'

/** A call that has reached the proxy. */
export interface ProxiedCall {
  readonly service: ProxiedService
  /** The name of the API operation; for S3, the method and the path: `PUT /bucket/key`. */
  readonly operation: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** What happens to a call instead of a response of the service. */
export type Fault =
  /** The service is not reached and throttles the call, in the words of each service. */
  | { readonly do: 'throttle' }
  /** The service is not reached and responds with an error, in the format of each service. */
  | { readonly do: 'refuse'; readonly status: number; readonly code: string; readonly message: string }
  /** A gateway responds with a status and a page that is not from the service. */
  | { readonly do: 'badGateway' }
  /** The connection is reset (TCP RST) before the service is reached. */
  | { readonly do: 'reset' }
  /** The service is not reached, and no response is ever sent. */
  | { readonly do: 'hang' }
  /** SQS executes SendMessageBatch without some of its entries, and reports these as failed. */
  | {
      readonly do: 'refuseEntries'
      readonly entries: readonly number[]
      readonly code: string
      readonly senderFault: boolean
    }
  /** The service executes the call, and the connection is reset before the response. */
  | { readonly do: 'loseResponse' }
  /** The service executes the call, and the connection is reset in the middle of the response. */
  | { readonly do: 'cutResponse' }
  /** The service executes the call, and the response is sent when `until` resolves. */
  | { readonly do: 'delay'; readonly until: Promise<void> }

export interface FaultProxy extends AsyncDisposable {
  /** Such as `http://127.0.0.1:40123`. It stays the same when the proxy is down. */
  readonly endpoint: string
  /** Every call so far, those with a fault included. */
  readonly calls: readonly ProxiedCall[]
  /** Lets calls fail, until {@link FaultProxy.heal} unless a number of times is given. */
  inject(fault: Fault, options?: InjectOptions): void
  /** Ends all faults. Calls that hang keep hanging. */
  heal(): void
  /** Resolves when the number of calls that have reached the proxy is at least `count`. */
  received(count: number): Promise<void>
  /** Breaks all connections and refuses new ones. */
  goDown(): Promise<void>
  /** Accepts connections again. */
  comeUp(): Promise<void>
}

export interface InjectOptions {
  /** Default: no limit. */
  readonly times?: number
  /** The only operation that fails. Default: every operation. */
  readonly operation?: string
}

/** Starts a proxy for an endpoint that serves SQS, SNS and S3, which lets calls fail on request. */
export async function faultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target)
  const calls: ProxiedCall[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  let faults: { readonly fault: Fault; readonly operation: string | undefined; remaining: number }[] = []

  const server = createServer((incoming, response) => {
    void serve(incoming, response).catch(() => incoming.socket.destroy())
  })
  // A connection that the proxy closes because it is idle would be a fault that no test has asked for.
  server.keepAliveTimeout = 600_000
  await listen(0)
  const ownPort = (server.address() as AddressInfo).port

  return {
    endpoint: `http://127.0.0.1:${ownPort}`,
    calls,
    inject: (fault, { times = Number.POSITIVE_INFINITY, operation } = {}) =>
      void faults.push({ fault, operation, remaining: times }),
    heal: () => {
      faults = []
    },
    received: (count) =>
      calls.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => void waiting.push({ count, resolve })),
    goDown: close,
    comeUp: () => listen(ownPort),
    [Symbol.asyncDispose]: close,
  }

  function listen(onPort: number): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(onPort, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  }

  async function close(): Promise<void> {
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readAll(incoming)
    const call = describe(incoming, body)
    const fault = takeFault(call)
    calls.push(call)
    for (const { count, resolve } of waiting) if (calls.length >= count) resolve()
    switch (fault?.do) {
      case 'throttle':
        return respond(response, throttled(call.service))
      case 'refuse':
        return respond(response, refused(call.service, fault))
      case 'badGateway':
        return respond(response, { status: 502, type: 'text/html', body: '<h1>502 Bad Gateway</h1>' })
      case 'hang':
        return
      case 'reset':
        incoming.socket.resetAndDestroy()
        return
      case 'refuseEntries':
        return respond(response, await refuseEntries(incoming, body, fault))
      case 'loseResponse':
        await forward(incoming, body)
        incoming.socket.resetAndDestroy()
        return
      case 'cutResponse': {
        const { status, headers, body: whole } = await forward(incoming, body)
        // The announced length is longer than what is sent, even if the response has no body.
        response.writeHead(status, { ...headers, 'content-length': String(whole.length + 100) })
        response.write(whole, () => incoming.socket.resetAndDestroy())
        return
      }
      default: {
        const { status, headers, body: whole } = await forward(incoming, body)
        if (fault) await fault.until
        response.writeHead(status, headers)
        response.end(whole)
      }
    }
  }

  function takeFault({ operation }: ProxiedCall): Fault | undefined {
    const next = faults.find((entry) => entry.operation === undefined || entry.operation === operation)
    if (!next) return undefined
    next.remaining--
    if (next.remaining <= 0) faults = faults.filter((entry) => entry !== next)
    return next.fault
  }

  async function refuseEntries(
    incoming: IncomingMessage,
    body: Buffer,
    { entries, code, senderFault }: Extract<Fault, { do: 'refuseEntries' }>,
  ): Promise<ErrorResponse> {
    const { Entries, ...request } = JSON.parse(body.toString()) as { readonly Entries: { Id: string }[] }
    const accepted = Entries.filter((_, index) => !entries.includes(index))
    const content = Buffer.from(JSON.stringify({ ...request, Entries: accepted }))
    const stored = accepted.length === 0 ? undefined : await forward(incoming, content)
    const { Failed = [], ...others } = JSON.parse(stored?.body.toString() ?? '{"Successful":[]}')
    const refused = Entries.filter((entry) => !accepted.includes(entry)).map(({ Id }) => ({
      Id,
      SenderFault: senderFault,
      Code: code,
      Message: 'The entry was refused.',
    }))
    return {
      status: 200,
      type: 'application/x-amz-json-1.0',
      body: JSON.stringify({ ...others, Failed: [...Failed, ...refused] }),
    }
  }

  function forward({ method, url, headers: sent }: IncomingMessage, body: Buffer): Promise<ServiceResponse> {
    const host = `${hostname}:${port}`
    const headers = 'content-length' in sent ? { ...sent, 'content-length': String(body.length) } : sent
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { hostname, port, method, path: url, headers: { ...headers, host } },
        (response) => {
          const { 'transfer-encoding': _, ...ownHeaders } = response.headers
          readAll(response).then(
            (bytes) => resolve({ status: response.statusCode ?? 500, headers: ownHeaders, body: bytes }),
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

function describe({ method, url, headers }: IncomingMessage, body: Buffer): ProxiedCall {
  const target = headers['x-amz-target']
  if (typeof target === 'string') {
    return { service: 'sqs', operation: target.split('.')[1] ?? '', headers, body }
  }
  if (headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    const operation = new URLSearchParams(body.toString()).get('Action') ?? ''
    return { service: 'sns', operation, headers, body }
  }
  return { service: 's3', operation: `${method} ${url?.split('?')[0]}`, headers, body }
}

interface ErrorResponse {
  readonly status: number
  readonly type: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** How each service throttles, according to its API reference. */
function throttled(service: ProxiedService): ErrorResponse {
  switch (service) {
    case 'sqs':
      return refused(service, {
        status: 400,
        code: 'RequestThrottled',
        message: 'The request was denied due to request throttling.',
      })
    case 'sns':
      return refused(service, { status: 400, code: 'Throttling', message: 'Rate exceeded' })
    case 's3':
      return refused(service, {
        status: 503,
        code: 'SlowDown',
        message: 'Please reduce your request rate.',
      })
  }
}

/** An error in the protocol of each service: AWS JSON with the header of the query protocol, or XML. */
function refused(
  service: ProxiedService,
  { status, code, message }: { readonly status: number; readonly code: string; readonly message: string },
): ErrorResponse {
  const fault = status >= 500 ? 'Receiver' : 'Sender'
  switch (service) {
    case 'sqs':
      return {
        status,
        type: 'application/x-amz-json-1.0',
        headers: { 'x-amzn-query-error': `${code};${fault}` },
        body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message }),
      }
    case 'sns':
      return {
        status,
        type: 'text/xml',
        body: `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>${fault}</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>e1</RequestId></ErrorResponse>`,
      }
    case 's3':
      return {
        status,
        type: 'application/xml',
        body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>E1</RequestId><HostId>e1</HostId></Error>`,
      }
  }
}

function respond(response: ServerResponse, { status, type, headers, body }: ErrorResponse): void {
  response.writeHead(status, { 'content-type': type, ...headers })
  response.end(body)
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
