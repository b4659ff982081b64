import { abortable } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import { endSentence } from '../core/end-sentence.ts'
import { StreamError } from '../core/errors.ts'
import {
  checkSdkClient,
  packageOf,
  type SdkClient,
  type SdkCommand,
  type ServiceId,
} from '../core/sdk-client.ts'

/** A part of the AWS SDK whose package is an optional peer, and is therefore imported on the first call. */
export interface AwsSdk<Sdk> {
  readonly serviceId: ServiceId
  load(): Promise<Sdk>
  /** Returns any command, with which a client of the user is checked. It is not sent. */
  createCommand(sdk: Sdk): SdkCommand
  /** Creates a client that is configured by the environment, with the given transport. */
  createClient(sdk: Sdk, transport: ClientTransport): OwnedClient
}

export interface ClientTransport {
  readonly connectionTimeout: number
}

/** A client that this library has created, and therefore destroys. */
export type OwnedClient = SdkClient & { destroy(): void }

export interface AwsClientOptions {
  /** The client of the user. */
  readonly client: SdkClient | undefined
  /** How long a call may take, the retries of the SDK included, in ms. */
  readonly timeoutMs: number
  readonly clock: Clock
}

/** The client of a destination: the one of the user, or one that is created on the first call. */
export interface AwsClient<Sdk> {
  /**
   * Makes one call. Rejects with the error of the SDK, with a `TimeoutError`, or with `options.invalid` if
   * the SDK's package is missing or does not fit the client.
   *
   * @param signal - ends the call; it then rejects with the reason.
   */
  call<Output>(createCommand: (sdk: Sdk) => object, signal?: AbortSignal): Promise<Output>
  /** Destroys the client if this library created it. A later call creates another one. */
  close(): void
}

/** The default of `timeoutMs`. */
export const DEFAULT_TIMEOUT_MS = 30_000

/** A server that does not accept connections is detected sooner, so that the SDK can try another address. */
const transport: ClientTransport = { connectionTimeout: 5_000 }

/** @throws StreamError `options.invalid` if the client of the user is not one of the service. */
export function awsClient<Sdk>(
  awsSdk: AwsSdk<Sdk>,
  { client, timeoutMs, clock }: AwsClientOptions,
): AwsClient<Sdk> {
  if (client !== undefined) checkSdkClient('client', client, awsSdk.serviceId)
  let sdk: Sdk | undefined
  let owned: OwnedClient | undefined

  return {
    async call<Output>(createCommand: (sdk: Sdk) => object, signal?: AbortSignal): Promise<Output> {
      sdk ??= await loadSdk()
      const connected = client ?? connect(sdk)
      const command = createCommand(sdk) as never
      const send = (abortSignal: AbortSignal) => connected.send(command, { abortSignal })
      const output = await within(timeoutMs, clock, send, signal)
      return output as Output
    },

    close() {
      owned?.destroy()
      owned = undefined
    },
  }

  /** Concurrent first calls share the client, because it is created synchronously. */
  function connect(loaded: Sdk): SdkClient {
    owned ??= awsSdk.createClient(loaded, transport)
    return owned
  }

  async function loadSdk(): Promise<Sdk> {
    const loaded = await awsSdk.load().catch((cause) => {
      throw cannotLoad(packageOf(awsSdk.serviceId), client, cause)
    })
    if (client !== undefined) {
      checkSdkClient('client', client, awsSdk.serviceId, awsSdk.createCommand(loaded))
    }
    return loaded
  }
}

/**
 * Rejects when the time is over, even if the SDK does not: it stops a request, but not its own delay before
 * the next attempt, nor a credentials lookup.
 */
async function within<T>(
  timeoutMs: number,
  clock: Clock,
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const cancelTimer = clock.setTimer(timeoutMs, () => controller.abort(noResponse(timeoutMs)))
  const onAbort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await abortable(call(controller.signal), controller.signal)
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error
  } finally {
    cancelTimer()
    signal?.removeEventListener('abort', onAbort)
  }
}

function noResponse(timeoutMs: number): Error {
  const error = new Error(`there was no response within ${timeoutMs / 1000} s`)
  error.name = 'TimeoutError'
  return error
}

function cannotLoad(
  packageName: string,
  client: SdkClient | undefined,
  cause: unknown,
): StreamError<'options.invalid'> {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message =
    `The package ${packageName} is needed, but cannot be loaded. ` +
    `Install it with "npm install ${packageName}". The reason is: ${reason}`
  const expected = `the package ${packageName} to be installed`
  return new StreamError(
    'options.invalid',
    endSentence(message),
    { option: 'client', value: client, expected },
    cause,
  )
}
