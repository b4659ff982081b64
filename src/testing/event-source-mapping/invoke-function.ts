import type { Clock } from '../../core/clock.ts'
import type {
  FunctionIdentity,
  LambdaCallback,
  LambdaContext,
  LambdaFunctionHandler,
  LambdaStreamEvent,
} from './lambda-function.ts'

/** How an invocation has ended. */
export type FunctionResult =
  /** `response` is what Lambda parses from the JSON that the function has returned; `undefined` is null. */
  | { readonly kind: 'returned'; readonly response: unknown }
  | { readonly kind: 'threw' | 'timedOut'; readonly error: unknown }

/** A request to invoke a function. */
export interface FunctionRequest {
  readonly handler: LambdaFunctionHandler
  readonly identity: FunctionIdentity
  readonly event: LambdaStreamEvent
  readonly requestId: string
  readonly logStreamName: string
  readonly timeoutMs: number
  readonly clock: Clock
}

/**
 * The runtimes up to Node.js 22 wait for the callback unless the handler has returned a promise; without a
 * call, the response is null (aws-lambda-nodejs-runtime-interface-client, Runtime.js). That of Node.js 24
 * awaits what the handler returns.
 */
const IGNORES_PLAIN_VALUES = Number(process.versions.node.split('.')[0]) < 24

/** The maximum size of a response, in bytes (Lambda quotas, "Invocation payload"). */
const MAX_RESPONSE_BYTES = 6 * 1024 * 1024

/**
 * Invokes a function. It never rejects. What the handler returns after its timeout is ignored, as in Lambda,
 * which stops the process; here the handler keeps running.
 */
export function invokeFunction(request: FunctionRequest): Promise<FunctionResult> {
  const { clock, timeoutMs, requestId } = request
  const deadline = clock.monotonic() + timeoutMs
  return new Promise((resolve) => {
    const cancelTimeout = clock.setTimer(
      timeoutMs,
      () => {
        const seconds = (timeoutMs / 1000).toFixed(2)
        const error = new Error(`RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`)
        error.name = 'Sandbox.Timedout'
        resolve({ kind: 'timedOut', error })
      },
      true,
    )
    void resultOf(request, createContext(request, deadline)).then((result) => {
      cancelTimeout()
      resolve(result)
    })
  })
}

async function resultOf(request: FunctionRequest, context: LambdaContext): Promise<FunctionResult> {
  try {
    return { kind: 'returned', response: throughJson(await callHandler(request, context)) }
  } catch (error) {
    return { kind: 'threw', error }
  }
}

async function callHandler({ handler, event }: FunctionRequest, context: LambdaContext): Promise<unknown> {
  if (handler.length < 3) {
    const returned = handler(event, context, () => {})
    return IGNORES_PLAIN_VALUES && !isThenable(returned) ? null : returned
  }
  return new Promise((resolve, reject) => {
    const callback: LambdaCallback = (error, result) =>
      error === undefined || error === null ? resolve(result) : reject(error)
    const returned = handler(event, context, callback)
    if (isThenable(returned)) returned.then(resolve, reject)
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof Object(value).then === 'function'
}

function createContext(request: FunctionRequest, deadline: number): LambdaContext {
  const { identity, requestId, logStreamName, clock } = request
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: identity.name,
    functionVersion: identity.version,
    invokedFunctionArn: identity.arn,
    memoryLimitInMB: '128',
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${identity.name}`,
    logStreamName,
    getRemainingTimeInMillis: () => Math.max(0, Math.round(deadline - clock.monotonic())),
  }
}

/**
 * Returns the response as Lambda receives it.
 *
 * @throws what `JSON.stringify` throws, or a RangeError if the response is too large: the invocation fails.
 */
function throughJson(value: unknown): unknown {
  const json = JSON.stringify(value)
  if (json === undefined) return null
  const bytes = Buffer.byteLength(json)
  if (bytes <= MAX_RESPONSE_BYTES) return JSON.parse(json)
  throw new RangeError(`The response has ${bytes} bytes, but Lambda permits ${MAX_RESPONSE_BYTES}.`)
}
