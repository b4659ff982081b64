import { timeJson, writeJson } from '../../src/testing/emulator/wire/write-json.ts'
import { type RecordSize, type SampleRecord, sampleRecord } from './sample-records.ts'

/** The record at `index` of a shard in the JSON format of AWS. */
export function recordJson(index: number, size?: RecordSize): string {
  return awsJson(sampleRecord(index, size))
}

/** A record in the JSON format of AWS: the time in seconds as a Java double, and members sorted by name. */
export function awsJson(record: SampleRecord): string {
  const { dynamodb } = record
  const time = timeJson(dynamodb.ApproximateCreationDateTime * 1000, 'aws')
  return writeJson({ ...record, dynamodb: { ...dynamodb, ApproximateCreationDateTime: time } }, 'aws')
}
