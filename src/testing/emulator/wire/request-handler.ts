import type { WorldView } from './operations.ts'
import { answer, headersOf } from './respond.ts'

/** The part of an SDK request that matters here. */
interface SdkRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
}

interface SdkResponse {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: Uint8Array
}

/** A `requestHandler` for the clients of the AWS SDK. */
export interface InProcessHandler extends Record<string, unknown> {
  handle(
    request: SdkRequest,
    options?: { readonly abortSignal?: unknown },
  ): Promise<{ response: SdkResponse }>
}

const never = new AbortController().signal

/**
 * An SDK client's way to the emulator: in this process, without a socket and without a timer. The body is given as
 * bytes, which the SDK reads without waiting for the event loop.
 */
export function inProcessHandler(world: WorldView): InProcessHandler {
  return {
    handle: async ({ headers, body }, options) => {
      const signal = options?.abortSignal instanceof AbortSignal ? options.abortSignal : never
      const given = await answer(world, headers['x-amz-target'] ?? '', bodyText(body), signal)
      if (given === 'reset') throw sdkConnectionResetError()
      const bytes = typeof given.body === 'string' ? Buffer.from(given.body) : given.body
      return {
        response: {
          statusCode: given.statusCode,
          headers: headersOf(world, given, bytes),
          body: bytes.subarray(0, given.breaksOffAt),
        },
      }
    },
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
  }
}

interface ClientDefaults {
  readonly region: string
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  readonly signer: { readonly sign: <Request>(request: Request) => Promise<Request> }
  readonly maxAttempts: number
  readonly requestHandler: InProcessHandler
}

/**
 * Configuration of SDK clients for the emulator, given in full so that they look for nothing in files and the
 * environment. One attempt: the SDK waits between attempts by the wall clock, whatever clock the emulator has.
 */
export function clientDefaults(world: WorldView, region: string): ClientDefaults {
  return {
    region,
    // Never connected to; names ending in `invalid` exist nowhere.
    endpoint: 'http://emulator.invalid',
    credentials: { accessKeyId: 'emulator', secretAccessKey: 'emulator' },
    // Nobody checks a signature, and making it takes a third of the time of a call.
    signer: { sign: async (request) => request },
    maxAttempts: 1,
    requestHandler: inProcessHandler(world),
  }
}

function bodyText(body: string | Uint8Array | undefined): string {
  if (body === undefined) return ''
  return typeof body === 'string' ? body : new TextDecoder().decode(body)
}

/** The SDK's own request handler gives resets the name of a time-out, by which its retries know them. */
export function sdkConnectionResetError(): Error {
  return Object.assign(new Error('socket hang up'), {
    name: 'TimeoutError',
    code: 'ECONNRESET',
    $metadata: {},
  })
}
