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
    dynamodb: isObject(dynamodb) ? toChange(dynamodb, lazyWire, readsImages) : undefined,
    userIdentity: isObject(userIdentity) ? toIdentity(userIdentity) : undefined,
    eventSourceARN: streamArn,
  }
  return event as Partial<LambdaRecord>
}

/** The members of `dynamodb` except the images; those are added by {@link ChangeWithImages}. */
class Change {
  readonly ApproximateCreationDateTime: unknown
  readonly Keys: unknown
  readonly SequenceNumber: unknown
  readonly SizeBytes: unknown
  readonly StreamViewType: unknown

  constructor(json: Json) {
    this.ApproximateCreationDateTime = json.ApproximateCreationDateTime ?? undefined
    this.Keys = json.Keys ?? undefined
    this.SequenceNumber = json.SequenceNumber ?? undefined
    this.SizeBytes = json.SizeBytes ?? undefined
    this.StreamViewType = json.StreamViewType ?? undefined
  }
}

/**
 * Parses each image when it is read first. It is a class, because V8 retains the getters of an object literal
 * until the next full garbage collection, and with them the images.
 */
class ChangeWithImages extends Change {
  readonly #wire: LazyRecord
  #newImage: unknown
  #oldImage: unknown

  constructor(json: Json, wire: LazyRecord) {
    super(json)
    this.#wire = wire
  }

  get NewImage(): unknown {
    this.#newImage ??= this.#wire.newImage ?? undefined
    return this.#newImage
  }

  get OldImage(): unknown {
    this.#oldImage ??= this.#wire.oldImage ?? undefined
    return this.#oldImage
  }
}

function toChange(json: Json, wire: LazyRecord, readsImages: boolean): Change {
  return readsImages ? new ChangeWithImages(json, wire) : new Change(json)
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
