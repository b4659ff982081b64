import { StreamError } from './errors.ts'
import { invalidOption } from './options.ts'

/**
 * A client of the AWS SDK for JavaScript v3, typed by what is used of it: the client of another version, or of another copy
 * of the same version, has another type.
 */
export interface SdkClient {
  send(command: never, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>
  readonly config?: object | undefined
  readonly middlewareStack?: object | undefined
}

/** What a command of the SDK does before it is sent. */
interface SdkCommand {
  resolveMiddleware(stack: never, configuration: never, options: undefined): unknown
}

/** The SDK's clients that are used here, by the id that each has in its configuration. */
const clientNames = {
  'DynamoDB Streams': { className: 'DynamoDBStreamsClient', packageName: '@aws-sdk/client-dynamodb-streams' },
  DynamoDB: { className: 'DynamoDBClient', packageName: '@aws-sdk/client-dynamodb' },
} as const

type ServiceId = keyof typeof clientNames

/**
 * Checks that a value is the SDK's client of a service, and one that can send the commands of the installed SDK. The service
 * answers calls of another service's client with UnknownOperationException only.
 *
 * @param command - any command of the service; it is not sent.
 * @throws StreamError `options.invalid`
 */
export function checkSdkClient(
  option: string,
  client: unknown,
  serviceId: ServiceId,
  command: SdkCommand,
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
  if (!config || typeof Reflect.get(Object(middlewareStack), 'concat') !== 'function') return
  try {
    command.resolveMiddleware(middlewareStack as never, config as never, undefined)
  } catch (cause) {
    throw otherCopy(option, client, serviceId, cause)
  }
}

/** Commands of versions from about 3.910 on cannot be sent by the clients of earlier ones. */
function otherCopy(
  option: string,
  client: object,
  serviceId: ServiceId,
  cause: unknown,
): StreamError<'options.invalid'> {
  const { className, packageName } = clientNames[serviceId]
  const why = cause instanceof Error ? cause.message : String(cause)
  const expected = `a client of the same copy of ${packageName} that dynamodb-stream-iterator uses`
  const message =
    `Option ${option} is a ${className} of another copy of ${packageName}, older than the one that dynamodb-stream-iterator uses: ` +
    `they do not work together (${why}). Install one version; npm ls ${packageName} shows the copies.`
  return new StreamError('options.invalid', message, { option, value: client, expected }, cause)
}

function describe(value: unknown): string {
  if (typeof value === 'function') return `the function ${value.name}`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value)
  if (typeof Reflect.get(value, 'makeRequest') === 'function') return 'a client of the AWS SDK v2'
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : 'a plain object'
}
