import { convertLambdaRecord } from '../records/convert-lambda-record.ts'
import type { PlainItem, StreamRecord } from '../records/stream-record.ts'
import { UNKNOWN_SHARD } from './lambda-event.ts'

/**
 * Converts a record of an event that Lambda has passed to a function, to be used without
 * {@link lambdaHandler}: for example, in the record handler of Powertools' `BatchProcessor`.
 *
 * The record is the same as one that is read with `openStream`, except for its `shardId`: Lambda does not
 * reveal it, so it is `'unknown'`. `raw` is what `GetRecordsCommand` would return.
 *
 * ```ts
 * import { recordFromLambda } from 'dynamodb-stream-iterator/lambda'
 * import type { DynamoDBRecord } from 'aws-lambda'
 *
 * const recordHandler = async (record: DynamoDBRecord) => {
 *   const { eventName, newImage } = recordFromLambda<{ id: string }>(record)
 *   console.log(eventName, newImage?.id)
 * }
 * ```
 *
 * @typeParam Image - the type of the table's items; it is not checked at run time.
 * @param record - an element of `event.Records`.
 * @throws TypeError if it is not a record of a DynamoDB stream. The message contains no values of the item.
 */
export function recordFromLambda<Image = PlainItem>(record: object): StreamRecord<Image> {
  return convertLambdaRecord(record, UNKNOWN_SHARD) as StreamRecord<Image>
}
