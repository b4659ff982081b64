import { Readable } from 'node:stream'
import { DynamoDBStreamsClient, type DynamoDBStreamsClientConfig } from '@aws-sdk/client-dynamodb-streams'

/** What the service answers, as the transport sees it. */
export interface Answer {
  readonly statusCode?: number
  readonly headers?: Record<string, string>
  readonly body: string
}

/** A real client of the SDK, with signing and all, whose transport gives `answer` to every request. */
export function clientAnswering(
  answer: Answer | ((target: string) => Answer),
  config: DynamoDBStreamsClientConfig = {},
): { client: DynamoDBStreamsClient; requests: { headers: Record<string, string>; body: Uint8Array }[] } {
  const requests: { headers: Record<string, string>; body: Uint8Array }[] = []
  const client = clientWith(async (request) => {
    requests.push(request)
    const {
      statusCode = 200,
      headers = {},
      body,
    } = typeof answer === 'function' ? answer(request.headers['x-amz-target'] ?? '') : answer
    return { response: { statusCode, headers, body: Readable.from([Buffer.from(body)]) } }
  }, config)
  return { client, requests }
}

/** A client whose transport never answers, not even on abort. `arrived` resolves with the first request. */
export function clientHanging(): { client: DynamoDBStreamsClient; arrived: Promise<void> } {
  let tell: () => void
  const arrived = new Promise<void>((resolve) => {
    tell = resolve
  })
  const client = clientWith(() => {
    tell()
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
