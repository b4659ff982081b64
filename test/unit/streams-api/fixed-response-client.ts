import { Readable } from 'node:stream'
import { DynamoDBStreamsClient, type DynamoDBStreamsClientConfig } from '@aws-sdk/client-dynamodb-streams'

/** An HTTP response of the service. */
export interface HttpResponse {
  readonly statusCode?: number
  readonly headers?: Record<string, string>
  readonly body: string
}

/** A real SDK client, including signing, whose transport returns `response` to every request. */
export function clientReturning(
  response: HttpResponse | ((target: string) => HttpResponse),
  config: DynamoDBStreamsClientConfig = {},
): { client: DynamoDBStreamsClient; requests: { headers: Record<string, string>; body: Uint8Array }[] } {
  const requests: { headers: Record<string, string>; body: Uint8Array }[] = []
  const client = clientWith(async (request) => {
    requests.push(request)
    const {
      statusCode = 200,
      headers = {},
      body,
    } = typeof response === 'function' ? response(request.headers['x-amz-target'] ?? '') : response
    return { response: { statusCode, headers, body: Readable.from([Buffer.from(body)]) } }
  }, config)
  return { client, requests }
}

/** A client whose transport never responds, not even on abort. `arrived` resolves on the first request. */
export function clientHanging(): { client: DynamoDBStreamsClient; arrived: Promise<void> } {
  let onRequest: () => void
  const arrived = new Promise<void>((resolve) => {
    onRequest = resolve
  })
  const client = clientWith(() => {
    onRequest()
    return new Promise(() => {})
  })
  return { client, arrived }
}

type Handle = (request: { headers: Record<string, string>; body: Uint8Array }) => Promise<unknown>

function clientWith(handle: Handle, config: DynamoDBStreamsClientConfig = {}): DynamoDBStreamsClient {
  return new DynamoDBStreamsClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    maxAttempts: 1,
    requestHandler: { handle } as unknown as NonNullable<DynamoDBStreamsClientConfig['requestHandler']>,
    ...config,
  })
}
