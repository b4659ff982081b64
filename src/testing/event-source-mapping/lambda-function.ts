import type { LambdaRecord } from '../../records/lambda-record.ts'

/** The event that Lambda passes to a function for records of a DynamoDB stream. */
export interface LambdaStreamEvent {
  readonly Records: readonly LambdaRecord[]
}

/**
 * The context that Lambda passes to a function of Node.js, without the deprecated `done`, `fail` and
 * `succeed`.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html
 */
export interface LambdaContext {
  readonly functionName: string
  /** `$LATEST`, or the version if `FunctionName` names one. */
  readonly functionVersion: string
  /** The ARN of the function, with the alias or version of `FunctionName`, if it names one. */
  readonly invokedFunctionArn: string
  readonly memoryLimitInMB: string
  /** The same for each retry of an unchanged batch; another one for a part of a batch. */
  readonly awsRequestId: string
  readonly logGroupName: string
  readonly logStreamName: string
  callbackWaitsForEmptyEventLoop: boolean
  /** Returns the ms until the invocation times out, 0 or more. */
  getRemainingTimeInMillis(): number
}

/** The callback of a function that declares three parameters. */
export type LambdaCallback = (error?: unknown, result?: unknown) => void

/**
 * The handler of a Lambda function. It responds with what its promise resolves to or, if it declares a third
 * parameter, with the callback. What it returns without a promise is its response only on Node.js 24 and
 * later: the earlier runtimes ignore it, so that all records of the batch count as processed.
 */
export type LambdaFunctionHandler<Event = LambdaStreamEvent, Context = LambdaContext> = (
  event: Event,
  context: Context,
  callback: LambdaCallback,
) => unknown

/** A function that a mapping invokes. */
export interface FunctionIdentity {
  readonly name: string
  readonly version: string
  /** With the alias or version, if the mapping names one. */
  readonly arn: string
}

/** A name, with an optional alias or version; a partial ARN; or an ARN. */
const FUNCTION_NAME =
  /^(?:(?<prefix>arn:[^:]+:lambda:[^:]*:[^:]*:function):|(?<account>\d{12}):function:)?(?<name>[\w-]{1,140})(?::(?<qualifier>\$LATEST|[\w-]{1,128}))?$/

/**
 * Returns the function that `FunctionName` of CreateEventSourceMapping names; undefined if it is invalid.
 *
 * @param streamArn - the function is in the region and the account of this stream, unless the name says
 * otherwise.
 */
export function parseFunctionName(functionName: string, streamArn: string): FunctionIdentity | undefined {
  const groups = FUNCTION_NAME.exec(functionName)?.groups
  if (groups?.name === undefined) return undefined
  const { name, qualifier } = groups
  const [, partition, , region, account] = streamArn.split(':')
  const prefix = groups.prefix ?? `arn:${partition}:lambda:${region}:${groups.account ?? account}:function`
  return {
    name,
    version: qualifier !== undefined && /^\d+$/.test(qualifier) ? qualifier : '$LATEST',
    arn: qualifier === undefined ? `${prefix}:${name}` : `${prefix}:${name}:${qualifier}`,
  }
}
