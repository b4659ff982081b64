import type { WireContext } from './operations.ts'
import { headersOf, respond } from './respond.ts'

/** The members of an SDK request that the emulator uses. */
interface SdkRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
}

interface SdkResponse {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: Uint8Array
}

/** A `requestHandler` for AWS SDK clients. */
export interface InProcessHandler extends Record<string, unknown> {
  handle(
    request: SdkRequest,
    options?: { readonly abortSignal?: unknown },
  ): Promise<{ response: SdkResponse }>
}

const never = new AbortController().signal

/**
 * Connects an SDK client to the emulator within this process, without a socket or a timer. The response body
 * is a byte array, which the SDK reads without waiting for the event loop.
 */
export function inProcessHandler(context: WireContext): InProcessHandler {
  return {
    handle: async ({ headers, body }, options) => {
      const signal = options?.abortSignal instanceof AbortSignal ? options.abortSignal : never
      const result = await respond(context, headers['x-amz-target'] ?? '', decodeBody(body), signal)
      if (result === 'reset') throw sdkConnectionResetError()
      const bytes = typeof result.body === 'string' ? Buffer.from(result.body) : result.body
      return {
        response: {
          statusCode: result.statusCode,
          headers: headersOf(context, result, bytes),
          body: bytes.subarray(0, result.truncatedAt),
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
 * Returns the configuration of SDK clients for the emulator. It is complete, so that they read no files or
 * environment variables. Calls are attempted once, because the SDK waits between attempts on the system
 * clock, even if the emulator has a manual clock.
 */
export function clientDefaults(context: WireContext, region: string): ClientDefaults {
  return {
    region,
    // Never connected to. The top-level domain `invalid` is reserved (RFC 2606).
    endpoint: 'http://emulator.invalid',
    credentials: { accessKeyId: 'emulator', secretAccessKey: 'emulator' },
    // Signatures are not verified, and signing takes a third of the time of a call.
    signer: { sign: async (request) => request },
    maxAttempts: 1,
    requestHandler: inProcessHandler(context),
  }
}

function decodeBody(body: string | Uint8Array | undefined): string {
  if (body === undefined) return ''
  return typeof body === 'string' ? body : new TextDecoder().decode(body)
}

/** The SDK's own request handler names connection resets `TimeoutError`, a name that the SDK retries. */
export function sdkConnectionResetError(): Error {
  return Object.assign(new Error('socket hang up'), {
    name: 'TimeoutError',
    code: 'ECONNRESET',
    $metadata: {},
  })
}
