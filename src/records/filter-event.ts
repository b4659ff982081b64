import { regionOf } from '../core/stream-arn.ts'
import type { LazyRecord } from '../wire/lazy-records.ts'
import { type LambdaRecord, toLambdaRecord } from './lambda-record.ts'
import type { StreamRecord } from './stream-record.ts'

/**
 * Returns the record as filter patterns see it: as in an event that Lambda passes to a function. The JSON of
 * the service has that form already, so a record that was read from it is not converted, and its images are
 * not parsed unless they are read. A member that is null counts as absent.
 *
 * @param readsImages - false: the images may be missing.
 */
export function toFilterEvent(
  record: StreamRecord,
  streamArn: string,
  readsImages: boolean,
): Partial<LambdaRecord> {
  const { lazyWire } = record
  if (lazyWire === undefined) return toLambdaRecord(record, streamArn)
  const { eventID, eventName, eventVersion, eventSource, awsRegion, dynamodb, userIdentity } = lazyWire.head
  const event = {
    eventID: eventID ?? undefined,
    eventName: eventName ?? undefined,
    eventVersion: eventVersion ?? '1.1',
    eventSource: eventSource ?? 'aws:dynamodb',
    awsRegion: awsRegion ?? regionOf(streamArn),
    dynamodb: isObject(dynamodb) ? toChange(dynamodb, readsImages ? lazyWire : undefined) : undefined,
    userIdentity: isObject(userIdentity) ? toIdentity(userIdentity) : undefined,
    eventSourceARN: streamArn,
  }
  return event as Partial<LambdaRecord>
}

/** @param images - where to read the images; undefined: they are not needed. */
function toChange(change: Json, images: LazyRecord | undefined): object {
  const members = {
    ApproximateCreationDateTime: change.ApproximateCreationDateTime ?? undefined,
    Keys: change.Keys ?? undefined,
    SequenceNumber: change.SequenceNumber ?? undefined,
    SizeBytes: change.SizeBytes ?? undefined,
    StreamViewType: change.StreamViewType ?? undefined,
  }
  if (images === undefined) return members
  let newImage: unknown
  let oldImage: unknown
  return {
    ...members,
    // Patterns match only own properties, so these are not members of a class.
    get NewImage() {
      newImage ??= images.newImage ?? undefined
      return newImage
    },
    get OldImage() {
      oldImage ??= images.oldImage ?? undefined
      return oldImage
    },
  }
}

function toIdentity(identity: Json): object {
  return {
    type: identity.Type ?? identity.type ?? undefined,
    principalId: identity.PrincipalId ?? identity.principalId ?? undefined,
  }
}

type Json = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}
