import type { S3ClientConfig } from '@aws-sdk/client-s3'
import type { Clock } from '../core/clock.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { type AwsClient, type AwsSdk, awsClient, DEFAULT_TIMEOUT_MS } from '../destinations/aws-client.ts'
import { awsSourceError } from './aws-source-error.ts'

type Sdk = typeof import('@aws-sdk/client-s3')

/** The calls of a redrive to one bucket. They reject with {@link SourceError}. */
export interface BucketClient {
  /** Returns the objects whose keys start with `prefix`, page by page. */
  list(prefix: string): AsyncIterable<readonly ListedObject[]>
  read(key: string): Promise<string>
  copy(from: string, to: string): Promise<void>
  delete(key: string): Promise<void>
  close(): void
}

export interface ListedObject {
  readonly key: string
  readonly bytes: number
}

export interface BucketClientOptions {
  readonly client?: SdkClient | undefined
  /** For a client that is created. */
  readonly settings: S3ClientConfig
  readonly clock: Clock
}

const PACKAGE = '@aws-sdk/client-s3'

/** Creates the client of a bucket. The SDK's package is loaded on the first call. */
export function bucketClient(bucket: string, { client, settings, clock }: BucketClientOptions): BucketClient {
  const s3 = awsClient(s3Sdk(settings), { client, timeoutMs: DEFAULT_TIMEOUT_MS, clock })

  /** @param verb - what is attempted, such as `list`. */
  async function call<Output>(verb: string, create: Parameters<AwsClient<Sdk>['call']>[0]): Promise<Output> {
    try {
      return await s3.call<Output>(create)
    } catch (error) {
      throw awsSourceError(`Cannot ${verb} the bucket ${bucket}`, PACKAGE, error)
    }
  }

  return {
    async *list(prefix) {
      let token: string | undefined
      do {
        const page = await call<import('@aws-sdk/client-s3').ListObjectsV2CommandOutput>(
          'list the objects of',
          ({ ListObjectsV2Command }) =>
            new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
        )
        yield (page.Contents ?? []).map(({ Key = '', Size = 0 }) => ({ key: Key, bytes: Size }))
        token = page.NextContinuationToken
      } while (token !== undefined)
    },

    async read(key) {
      const { Body } = await call<import('@aws-sdk/client-s3').GetObjectCommandOutput>(
        'read an object of',
        ({ GetObjectCommand }) => new GetObjectCommand({ Bucket: bucket, Key: key }),
      )
      try {
        return (await Body?.transformToString()) ?? ''
      } catch (error) {
        throw awsSourceError(`Cannot read an object of the bucket ${bucket}`, PACKAGE, error)
      }
    },

    async copy(from, to) {
      const source = `${bucket}/${from}`.split('/').map(encodeURIComponent).join('/')
      await call(
        'copy an object of',
        ({ CopyObjectCommand }) => new CopyObjectCommand({ Bucket: bucket, Key: to, CopySource: source }),
      )
    },

    async delete(key) {
      await call(
        'delete an object of',
        ({ DeleteObjectCommand }) => new DeleteObjectCommand({ Bucket: bucket, Key: key }),
      )
    },

    close: () => s3.close(),
  }
}

function s3Sdk(settings: S3ClientConfig): AwsSdk<Sdk> {
  return {
    serviceId: 'S3',
    load: () => import('@aws-sdk/client-s3'),
    createCommand: (sdk) => new sdk.HeadBucketCommand({ Bucket: undefined }),
    createClient: (sdk, transport) =>
      new sdk.S3Client({
        // A body that stops arriving must not block the redrive forever.
        requestHandler: { ...transport, socketTimeout: DEFAULT_TIMEOUT_MS },
        followRegionRedirects: true,
        ...settings,
      }),
  }
}
