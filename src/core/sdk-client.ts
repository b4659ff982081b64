import { StreamError } from './errors.ts'
import { invalidOption } from './options.ts'

/**
 * A client of the AWS SDK for JavaScript v3. Only the members that this library uses are typed, because the
 * client class of another version of the SDK, or of another copy of the same version, is a different type.
 */
export interface SdkClient {
  send(command: never, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>
  readonly config?: object | undefined
  readonly middlewareStack?: object | undefined
}

/** The method of an SDK command with which a client prepares it for sending. */
export interface SdkCommand {
  resolveMiddleware(stack: never, configuration: never, options: undefined): unknown
}

/** The SDK clients that this library uses, by the `serviceId` in their configuration. */
const clientNames = {
  'DynamoDB Streams': { className: 'DynamoDBStreamsClient', packageName: '@aws-sdk/client-dynamodb-streams' },
  DynamoDB: { className: 'DynamoDBClient', packageName: '@aws-sdk/client-dynamodb' },
  SQS: { className: 'SQSClient', packageName: '@aws-sdk/client-sqs' },
  SNS: { className: 'SNSClient', packageName: '@aws-sdk/client-sns' },
  S3: { className: 'S3Client', packageName: '@aws-sdk/client-s3' },
} as const

/** The `serviceId` of an SDK client that this library uses. */
export type ServiceId = keyof typeof clientNames

/** Returns the npm package that contains the client of a service. */
export function packageOf(serviceId: ServiceId): string {
  return clientNames[serviceId].packageName
}

/**
 * Checks that a value is an SDK client of the service, and that it can send the commands of the installed
 * SDK. Without this check, the client of another service would fail only on the first call, with an
 * UnknownOperationException.
 *
 * @param command - any command of the service. It is not sent. Without one, only the service is checked.
 * @throws StreamError `options.invalid`
 */
export function checkSdkClient(
  option: string,
  client: unknown,
  serviceId: ServiceId,
  command?: SdkCommand,
): void {
  const { className } = clientNames[serviceId]
  const expected = `a ${className} of the AWS SDK for JavaScript v3`
  if (typeof client !== 'object' || client === null || typeof Reflect.get(client, 'send') !== 'function') {
    throw invalidOption(option, client, expected, describe(client))
  }
  const { config, middlewareStack } = client as SdkClient
  const actual: unknown = config && Reflect.get(config, 'serviceId')
  // A custom client, or a mock, may have no service id.
  if (typeof actual === 'string' && actual !== serviceId) {
    throw invalidOption(option, client, expected, describe(client))
  }
  if (!command || !config || typeof Reflect.get(Object(middlewareStack), 'concat') !== 'function') return
  try {
    command.resolveMiddleware(middlewareStack as never, config as never, undefined)
  } catch (cause) {
    throw otherCopy(option, client, serviceId, cause)
  }
}

/** Commands of SDK versions since about 3.910 cannot be sent by clients of earlier versions. */
function otherCopy(
  option: string,
  client: object,
  serviceId: ServiceId,
  cause: unknown,
): StreamError<'options.invalid'> {
  const { className, packageName } = clientNames[serviceId]
  const reason = cause instanceof Error ? cause.message : String(cause)
  const expected = `a client from the copy of ${packageName} that dynamodb-stream-iterator uses`
  const message =
    `Option ${option} is a ${className} from another, older copy of ${packageName} than the one that ` +
    `dynamodb-stream-iterator uses, and cannot send its commands (${reason}). Install a single version; ` +
    `npm ls ${packageName} lists the installed copies.`
  return new StreamError('options.invalid', message, { option, value: client, expected }, cause)
}

function describe(value: unknown): string {
  if (typeof value === 'function') return `the function ${value.name}`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value)
  if (typeof Reflect.get(value, 'makeRequest') === 'function') return 'a client of the AWS SDK v2'
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : 'a plain object'
}
