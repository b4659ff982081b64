import { invalidOption } from './options.ts'

/** The parts of a stream ARN: `arn:<partition>:dynamodb:<region>:<account>:table/<table>/stream/<label>`. */
export interface StreamArn {
  readonly region: string
  /** The ARN of the table: everything before `/stream/`. */
  readonly tableArn: string
  /** When the stream was enabled, in UTC: `2026-01-01T00:00:00.000` (API reference, StreamDescription). */
  readonly label: string
}

/** AWS documents 37 to 1024 characters. In emulators, the partition, region and account may be empty. */
const STREAM_ARN =
  /^(?<tableArn>arn:[\x21-\x39\x3b-\x7e]*:dynamodb:(?<region>[\x21-\x39\x3b-\x7e]*):[\x21-\x39\x3b-\x7e]*:table\/[\x21-\x2e\x30-\x7e]+)\/stream\/(?<label>[\x21-\x7e]+)$/
const MAX_STREAM_ARN_LENGTH = 1024

/** Returns the parts of a stream ARN, or undefined if `arn` is not a stream ARN. */
export function parseStreamArn(arn: unknown): StreamArn | undefined {
  if (typeof arn !== 'string' || arn.length > MAX_STREAM_ARN_LENGTH) return undefined
  return STREAM_ARN.exec(arn)?.groups as StreamArn | undefined
}

/**
 * Returns `arn` if it is the ARN of a stream.
 *
 * @throws StreamError `options.invalid`
 */
export function checkStreamArn(arn: unknown): string {
  if (parseStreamArn(arn)) return arn as string
  throw invalidOption(
    'streamArn',
    arn,
    'the ARN of a stream, as in arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
  )
}

/** The region in the ARNs of DynamoDB Local, whatever region its clients use. */
const LOCAL_REGION = 'ddblocal'

/** Whether the stream is on DynamoDB Local. */
export function isOnDynamoDBLocal(streamArn: string): boolean {
  return parseStreamArn(streamArn)?.region === LOCAL_REGION
}

/** Returns the region in a stream ARN, or undefined if it is empty or that of DynamoDB Local. */
export function regionOf(streamArn: string): string | undefined {
  const region = parseStreamArn(streamArn)?.region
  return region === '' || region === LOCAL_REGION ? undefined : region
}

/** Returns the ARN of the table that a stream belongs to. */
export function tableArnOf(streamArn: string): string | undefined {
  return parseStreamArn(streamArn)?.tableArn
}

/** Returns the name of the table that a stream belongs to. */
export function tableNameOf(streamArn: string): string | undefined {
  return tableArnOf(streamArn)?.replace(/^.*:table\//, '')
}

/** Returns when a stream was enabled, in ms since 1970, or NaN if its label is not a time. */
export function enabledAt(streamArn: string): number {
  return Date.parse(`${parseStreamArn(streamArn)?.label}Z`)
}
