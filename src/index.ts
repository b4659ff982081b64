export { fileCheckpointStore } from './checkpoints/file.ts'
export { memoryCheckpointStore } from './checkpoints/memory.ts'
export type {
  CheckpointLease,
  CheckpointLeaseOptions,
  CheckpointLeaseState,
  CheckpointStore,
} from './checkpoints/store.ts'
export { Coordinator } from './coordinator/coordinator.ts'
export type { CoordinatorEvents, StreamsOperation } from './coordinator/events.ts'
export type { StreamLag } from './coordinator/lag.ts'
export type { CoordinatorOptions } from './coordinator/options.ts'
export { type Clock, systemClock } from './core/clock.ts'
export type { Unsubscribe } from './core/emitter.ts'
export {
  type AnyStreamError,
  type GapReason,
  isStreamError,
  StreamError,
  type StreamErrorCode,
  type StreamErrorDetails,
} from './core/errors.ts'
export type { SdkClient } from './core/sdk-client.ts'
export type {
  DeadLetter,
  DeadLetterCondition,
  DeadLetterError,
  DeadLetterFailure,
  Destination,
  DestinationObject,
  InvocationRecord,
} from './destinations/destination.ts'
export { type FileDestinationOptions, fileDestination } from './destinations/file.ts'
export { type MemoryDestination, memoryDestination } from './destinations/memory.ts'
export { RecordBuffer } from './merge/record-buffer.ts'
export { fileParkingStore } from './parking/file.ts'
export { memoryParkingStore } from './parking/memory.ts'
export type {
  AcquireParkingOptions,
  ParkedKey,
  ParkedKeyUpdate,
  ParkedProgress,
  ParkedRecord,
  ParkingLease,
  ParkingRequest,
  ParkingStore,
} from './parking/parking-store.ts'
export { parseToken } from './position/parse-token.ts'
export type { Position, SerializedToken } from './position/position.ts'
export type {
  ShardPosition,
  ShardToken,
  ShardTokenState,
  StreamToken,
  UnsettledEntry,
} from './position/token.ts'
export type { ProcessingSummary } from './processing/counts.ts'
export type { GivenUpEvent, ProcessingEvents, RecordReference } from './processing/events.ts'
export type { ParkReason } from './processing/failure-policy.ts'
export type {
  BatchContext,
  BatchHandler,
  BatchItemFailure,
  BatchResponse,
  BatchResult,
  Handler,
  RecordContext,
  RecordHandler,
  TaskHandlers,
} from './processing/handler.ts'
export type { ProcessingHealth } from './processing/health.ts'
export type { FailureTarget, FailureTargets } from './processing/on-failure.ts'
export type { FailureContext, ProcessOptions, RetryOptions } from './processing/options.ts'
export type { ParkAfter, ParkingOptions } from './processing/parking-options.ts'
export { type ProcessingRun, processStream } from './processing/process-stream.ts'
export { RejectError } from './processing/reject-error.ts'
export type {
  NoSchemas,
  OutputOf,
  RecordOf,
  SchemaIssue,
  SchemaResult,
  Schemas,
  StandardSchema,
  StandardSchemaProps,
} from './processing/schema.ts'
export type { StallReason } from './processing/stall-watch.ts'
export { type PlainItem, type StreamEventName, StreamRecord } from './records/stream-record.ts'
export { createRelay, type Relay, type RelayOptions } from './relay/relay.ts'
export {
  type AnyRecord,
  parseRelayedRecord,
  positionOf,
  RelayedRecordError,
  type RelayMessage,
} from './relay/relay-message.ts'
export type { RefusedMessage, RelayRetry, RelayTarget } from './relay/relay-target.ts'
export type { Shard, ShardState } from './shards/shard.ts'
export type { BatchOptions } from './stream/batch-options.ts'
export type { StreamEvents } from './stream/events.ts'
export { openStream } from './stream/open-stream.ts'
export type { CheckpointOptions, OpenStreamOptions } from './stream/open-stream-options.ts'
export { DynamoDBStream } from './stream/stream.ts'
export type {
  IteratorStart,
  RecordPage,
  ShardDescription,
  ShardPage,
  StreamStatus,
  StreamsApi,
} from './streams-api/streams-api.ts'
export type {
  CounterLike,
  HistogramLike,
  MeterLike,
  MetricOptionsLike,
  ObservableGaugeLike,
  ObservableResultLike,
  TelemetryAttributes,
} from './telemetry/meter.ts'
export type {
  SpanContextLike,
  SpanLike,
  SpanLinkLike,
  SpanOptionsLike,
  TraceContext,
  TracerLike,
} from './telemetry/tracer.ts'
export type { RawRecord, WireRecord, WireRecords } from './wire/wire-record.ts'
