import { regionOf } from '../core/stream-arn.ts'
import { defineOwn } from '../wire/define-own.ts'
import type { StreamRecord } from './stream-record.ts'

/** An attribute value in an event of AWS Lambda: numbers are strings, and binary values are in base64. */
export interface LambdaAttributeValue {
  readonly S?: string
  readonly N?: string
  readonly B?: string
  readonly SS?: readonly string[]
  readonly NS?: readonly string[]
  readonly BS?: readonly string[]
  readonly M?: Readonly<Record<string, LambdaAttributeValue>>
  readonly L?: readonly LambdaAttributeValue[]
  readonly NULL?: boolean
  readonly BOOL?: boolean
}

/** A stream record in an event that AWS Lambda passes to a function, as JSON. */
export interface LambdaRecord {
  readonly eventID?: string
  readonly eventName?: 'INSERT' | 'MODIFY' | 'REMOVE'
  readonly eventVersion?: string
  readonly eventSource?: string
  readonly awsRegion?: string
  readonly dynamodb?: {
    /** In seconds since 1970. */
    readonly ApproximateCreationDateTime?: number
    readonly Keys?: Readonly<Record<string, LambdaAttributeValue>>
    readonly NewImage?: Readonly<Record<string, LambdaAttributeValue>>
    readonly OldImage?: Readonly<Record<string, LambdaAttributeValue>>
    readonly SequenceNumber?: string
    readonly SizeBytes?: number
    readonly StreamViewType?: 'KEYS_ONLY' | 'NEW_IMAGE' | 'OLD_IMAGE' | 'NEW_AND_OLD_IMAGES'
  }
  /** Only in records of items that DynamoDB deleted, because their time to live expired. */
  readonly userIdentity?: { readonly type?: string; readonly principalId?: string }
  readonly eventSourceARN: string
}

/**
 * Returns the record as in an event that Lambda passes to a function, with the members in the same order.
 * It differs from the response of GetRecords in three ways: it has `eventSourceARN`, the members of
 * `userIdentity` start with a lower-case letter, and `userIdentity` follows `dynamodb`.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
export function toLambdaRecord(record: StreamRecord, streamArn: string): LambdaRecord {
  const { raw } = record
  return withoutUndefined({
    eventID: raw.eventID,
    eventName: raw.eventName,
    eventVersion: raw.eventVersion ?? '1.1',
    eventSource: raw.eventSource ?? 'aws:dynamodb',
    awsRegion: raw.awsRegion ?? regionOf(streamArn),
    dynamodb: encodeChange(raw.dynamodb),
    userIdentity: encodeIdentity(raw.userIdentity),
    eventSourceARN: streamArn,
  }) as unknown as LambdaRecord
}

function encodeChange(change: StreamRecord['raw']['dynamodb']): object | undefined {
  if (!isObject(change)) return undefined
  return withoutUndefined({
    ApproximateCreationDateTime: encodeTime(change.ApproximateCreationDateTime),
    Keys: encodeAttributes(change.Keys),
    NewImage: encodeAttributes(change.NewImage),
    OldImage: encodeAttributes(change.OldImage),
    SequenceNumber: change.SequenceNumber,
    SizeBytes: change.SizeBytes,
    StreamViewType: change.StreamViewType,
  })
}

function encodeIdentity(identity: unknown): object | undefined {
  if (!isObject(identity)) return undefined
  return withoutUndefined({
    type: identity.Type ?? identity.type,
    principalId: identity.PrincipalId ?? identity.principalId,
  })
}

function encodeTime(time: unknown): unknown {
  const seconds = time instanceof Date ? time.getTime() / 1000 : time
  // JSON has no NaN.
  return typeof seconds === 'number' && Number.isNaN(seconds) ? undefined : seconds
}

function encodeAttributes(attributes: unknown): unknown {
  if (!isObject(attributes)) return attributes ?? undefined
  const encoded: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(attributes)) defineOwn(encoded, name, encodeAttribute(value))
  return encoded
}

function encodeAttribute(value: unknown): unknown {
  if (!isObject(value)) return value
  const encoded: Record<string, unknown> = {}
  for (const [type, content] of Object.entries(value)) {
    // The SDK's form of a type that it does not know.
    if (type === '$unknown' && Array.isArray(content)) defineOwn(encoded, String(content[0]), content[1])
    else defineOwn(encoded, type, encodeContent(type, content))
  }
  return encoded
}

function encodeContent(type: string, content: unknown): unknown {
  if (type === 'M') return encodeAttributes(content)
  if (!Array.isArray(content)) return encodeBinary(content)
  return content.map(type === 'L' ? encodeAttribute : encodeBinary)
}

function encodeBinary(value: unknown): unknown {
  if (!ArrayBuffer.isView(value)) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
}

function withoutUndefined(members: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
