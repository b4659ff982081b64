import { type LambdaRecord, toLambdaRecord } from '../../records/lambda-record.ts'
import { StreamRecord } from '../../records/stream-record.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'
import { creationTime } from './record-age.ts'

/** Returns a record as it is in an event. */
export function toEventRecord(record: EmulatedRecord, streamArn: string): LambdaRecord {
  const { raw, shardId } = record
  return toLambdaRecord(new StreamRecord(raw, { shardId }, creationTime(record)), streamArn)
}

/** Returns an event as JSON. */
export function eventJson(records: readonly EmulatedRecord[], streamArn: string): string {
  return JSON.stringify({ Records: records.map((record) => toEventRecord(record, streamArn)) })
}
