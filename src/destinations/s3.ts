import { clientHint } from '../core/client-hint.ts'
import { checkNames, invalidOption, namesOf } from '../core/options.ts'
import type { SdkClient } from '../core/sdk-client.ts'
import { type AwsSdk, awsClient } from './aws-client.ts'
import { type AwsTarget, destinationFailed } from './aws-client-errors.ts'
import { type AwsDestinationOptions, checkCallOptions } from './aws-client-options.ts'
import type { DestinationObject } from './destination.ts'
import { letterBody, s3Key } from './serialize-letter.ts'

export type { AwsDestinationOptions } from './aws-client-options.ts'
export type { DeadLetter, DestinationObject } from './destination.ts'

/** Options of {@link s3Destination}. */
export interface S3DestinationOptions extends AwsDestinationOptions {
  /** The name of a bucket, or the ARN or alias of an access point. */
  readonly bucket: string
  /**
   * A string with which the key of every object starts, of up to 200 bytes. Nothing is put between it and the
   * rest of the key, so a folder ends with a slash: `failed/`.
   * @default ''
   */
  readonly prefix?: string | undefined
  /**
   * An `S3Client` of the AWS SDK for JavaScript v3. It is not destroyed by `close()`.
   * @default a client that is configured by the environment, and follows a bucket to another region
   */
  readonly client?: SdkClient | undefined
}

const optionNames = namesOf<S3DestinationOptions>({
  bucket: true,
  prefix: true,
  client: true,
  timeoutMs: true,
  clock: true,
})

/** What Lambda's objects have. */
const CONTENT_TYPE = 'application/octet-stream'

/** A key has at most 1,024 bytes (S3 User Guide, "Naming Amazon S3 objects"). */
const MAX_PREFIX_BYTES = 200

/** The names of buckets, among them old ones and directory buckets, and of access point aliases. */
const BUCKET = /^(?:[A-Za-z0-9][A-Za-z0-9._-]{2,254}|arn:[^:]*:s3[a-z-]*:[^:]*:[^:]*:.+)$/

/**
 * Creates a destination that writes each dead letter as an object to an S3 bucket.
 *
 * **Object.** The JSON object that AWS Lambda writes to a failure destination in S3, whose `payload` is the
 * record as a JSON string, and in addition the failure (`failure`). The key has Lambda's layout,
 * `aws/lambda/<name of the run>/<shard id>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<id of the letter>`, where the time
 * is that of the record. A letter that is sent again overwrites its own object.
 *
 * **Permissions.** `s3:PutObject`, and `s3:ListBucket` for `check()`. The package `@aws-sdk/client-s3` must
 * be installed; it is imported on the first call.
 *
 * `send` and `check` reject with:
 * - `destination.failed`: the call failed or received no response in time; `cause` is the error of the SDK;
 * - `options.invalid`: `@aws-sdk/client-s3` is not installed, or does not fit `client`.
 *
 * @throws StreamError `options.invalid` if an option is invalid.
 */
export function s3Destination(options: S3DestinationOptions): Required<DestinationObject> {
  checkNames('', options, optionNames, {
    call: 's3Destination',
    options: "{ bucket: 'failed-orders' }",
    hint: clientHint('S3Client'),
  })
  const bucket = checkBucket(options.bucket)
  const prefix = checkPrefix(options.prefix)
  const client = awsClient(s3Sdk, checkCallOptions(options))
  const target: AwsTarget = { kind: 'bucket', id: bucket, permissionToCheck: 's3:ListBucket' }

  return {
    async send(letter) {
      const object = {
        Bucket: bucket,
        Key: `${prefix}${s3Key(letter)}`,
        Body: Buffer.from(letterBody(letter, 's3')),
        ContentType: CONTENT_TYPE,
      }
      await client
        .call(({ PutObjectCommand }) => new PutObjectCommand(object))
        .catch((error) => {
          throw destinationFailed(target, 'send', error)
        })
    },

    async check() {
      await client
        .call(({ HeadBucketCommand }) => new HeadBucketCommand({ Bucket: bucket }))
        .catch((error) => {
          throw destinationFailed(target, 'check', error)
        })
    },

    async close() {
      client.close()
    },
  }
}

const s3Sdk: AwsSdk<typeof import('@aws-sdk/client-s3')> = {
  serviceId: 'S3',
  load: () => import('@aws-sdk/client-s3'),
  createCommand: (sdk) => new sdk.HeadBucketCommand({ Bucket: undefined }),
  createClient: (sdk, requestHandler) => new sdk.S3Client({ requestHandler, followRegionRedirects: true }),
}

function checkBucket(bucket: unknown): string {
  if (typeof bucket === 'string' && BUCKET.test(bucket)) return bucket
  throw invalidOption('bucket', bucket, 'the name of a bucket, as in failed-orders')
}

function checkPrefix(prefix: unknown): string {
  if (prefix === undefined) return ''
  const isValid =
    typeof prefix === 'string' && prefix.isWellFormed() && Buffer.byteLength(prefix) <= MAX_PREFIX_BYTES
  if (isValid) return prefix
  throw invalidOption('prefix', prefix, `a well-formed string of up to ${MAX_PREFIX_BYTES} bytes`)
}
