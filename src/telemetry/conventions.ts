import type { TelemetryAttributes } from './meter.ts'

// The names that the semantic conventions of OpenTelemetry define for messaging (version 1.45, which is not
// stable yet). There is no value of messaging.system for DynamoDB Streams.

export const SYSTEM = 'aws_dynamodb_streams'
export const PROCESS = 'process'

export const attributeNames = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  group: 'messaging.consumer.group.name',
  messageId: 'messaging.message.id',
  messageCount: 'messaging.batch.message_count',
  errorType: 'error.type',
} as const

/** The bounds of the buckets of `messaging.process.duration`, in seconds. */
export const DURATION_BUCKETS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]

/** The attributes of every measurement and span of a run. */
export function runAttributes(table: string, name: string): TelemetryAttributes {
  const { system, destination, group } = attributeNames
  return { [system]: SYSTEM, [destination]: table, [group]: name }
}
