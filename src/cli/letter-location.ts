import { systemClock } from '../core/clock.ts'
import { regionOf } from '../core/stream-arn.ts'
import { regionOfQueue } from '../destinations/queue-url.ts'
import { fileSource } from '../redrive/file-source.ts'
import type { LetterSource } from '../redrive/letter-source.ts'
import { bucketClient } from '../redrive/s3-client.ts'
import { s3Source } from '../redrive/s3-source.ts'
import { queueClient } from '../redrive/sqs-client.ts'
import { sqsSource } from '../redrive/sqs-source.ts'
import { createStreamsClient } from '../streams-api/make-client.ts'
import { sdkStreamsApi } from '../streams-api/sdk-streams-api.ts'
import type { StreamsApi } from '../streams-api/streams-api.ts'
import { clientSettings } from './client-settings.ts'
import type { RedriveOptions } from './redrive-options.ts'

/** Opens the source of `--from`, without calling a service. */
export async function openSource(
  options: RedriveOptions,
  log: (line: string) => void,
): Promise<LetterSource> {
  const { from, handled, emptyAfterMs, endpoint } = options
  const clock = systemClock
  switch (from.kind) {
    case 'queue': {
      const region = options.region ?? regionOfQueue(from.url)
      const settings = await clientSettings({ endpoint: endpointOfQueue(from.url), region })
      return sqsSource(from.url, { queue: queueClient(from.url, { settings, clock }), clock, emptyAfterMs })
    }
    case 'bucket': {
      const { bucket, prefix } = from
      const connection = await clientSettings({ endpoint, region: options.region })
      const settings = { ...connection, ...(endpoint !== undefined && { forcePathStyle: true }) }
      return s3Source({ bucket: bucketClient(bucket, { settings, clock }), prefix, handled })
    }
    case 'file':
      return fileSource(from.path, { handled, clock, log })
  }
}

/**
 * Returns a function that returns an API for a stream, with one client per region. It is called only for
 * letters that do not contain their records.
 */
export function openStreams({
  endpoint,
  region,
}: RedriveOptions): (streamArn: string) => Promise<StreamsApi> {
  const apis = new Map<string | undefined, Promise<StreamsApi>>()
  return (streamArn) => {
    const own = endpoint === undefined ? (regionOf(streamArn) ?? region) : region
    const api = apis.get(own) ?? createApi(own)
    apis.set(own, api)
    return api
  }

  async function createApi(own: string | undefined): Promise<StreamsApi> {
    return sdkStreamsApi(createStreamsClient(await clientSettings({ endpoint, region: own })))
  }
}

/**
 * A queue is called at its URL, which the SDK's default endpoint matches only in AWS. Otherwise, the SDK
 * would write a warning for each call. It ignores its own environment variables for queues.
 */
function endpointOfQueue(url: string): string | undefined {
  const { AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL } = process.env
  const { hostname, origin } = new URL(url)
  const isDefault = /^sqs\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/.test(hostname)
  return AWS_ENDPOINT_URL_SQS || AWS_ENDPOINT_URL || (isDefault ? undefined : origin)
}
