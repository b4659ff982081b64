import { invalidOption } from './options.ts'

/** The SDK's clients that are used here, by the id that each has in its configuration. */
const clientNames = {
  'DynamoDB Streams': 'DynamoDBStreamsClient',
  DynamoDB: 'DynamoDBClient',
} as const

type ServiceId = keyof typeof clientNames

/**
 * Checks that a value is the SDK's client of a service. The service answers calls of another one's client with
 * UnknownOperationException only.
 *
 * @throws StreamError `options.invalid`
 */
export function checkSdkClient(option: string, client: unknown, serviceId: ServiceId): void {
  if (typeof client === 'object' && client !== null && typeof Reflect.get(client, 'send') === 'function') {
    const actual: unknown = Reflect.get(Object(Reflect.get(client, 'config')), 'serviceId')
    // A client of one's own, or a mock, may have none.
    if (typeof actual !== 'string' || actual === serviceId) return
  }
  const expected = `a ${clientNames[serviceId]} of the AWS SDK for JavaScript v3`
  throw invalidOption(option, client, expected, describe(client))
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : 'a plain object'
}
