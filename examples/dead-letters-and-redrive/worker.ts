import {
  type Destination,
  type DynamoDBStream,
  type ProcessingRun,
  processStream,
  type RecordHandler,
  type StreamRecord,
} from 'dynamodb-stream-iterator'
import type { Product } from './apply-product.ts'

/** Copies products. A record that fails five times goes to `failed`, and the next one of its item follows. */
export function copyProducts(
  stream: DynamoDBStream<Product>,
  handler: RecordHandler<StreamRecord<Product>>,
  failed: Destination,
): ProcessingRun {
  return processStream(stream, handler, {
    name: 'copy-products',
    onFailure: failed,
    retry: { maxAttempts: 5, minDelayMs: 10 },
  })
}
