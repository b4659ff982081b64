export type { BatchOptions } from './batch-options.ts'
export { RecordBuffer } from './buffer/record-buffer.ts'
export { fileCheckpointStore } from './checkpoints/file.ts'
export { memoryCheckpointStore } from './checkpoints/memory.ts'
export type { CheckpointStore } from './checkpoints/store.ts'
export { type Clock, systemClock } from './clock.ts'
export { Coordinator } from './coordinator/coordinator.ts'
export type { StreamLag } from './coordinator/lag.ts'
export {
  type AnyStreamError,
  type GapReason,
  isStreamError,
  StreamError,
  type StreamErrorCode,
  type StreamErrorDetails,
} from './errors.ts'
export type { CoordinatorEvents, StreamEvents, StreamsOperation, Unsubscribe } from './events.ts'
export { type CheckpointOptions, type OpenStreamOptions, openStream } from './open-stream.ts'
export type { CoordinatorOptions } from './options.ts'
export { parseToken } from './position/parse-token.ts'
export type { Position, TokenText } from './position/position.ts'
export type { ShardPosition, ShardToken, ShardTokenState, StreamToken } from './position/token.ts'
export { type PlainItem, type StreamEventName, StreamRecord } from './records/stream-record.ts'
export type { Shard, ShardState } from './shards/shard.ts'
export { DynamoDBStream } from './stream.ts'
export type {
  IteratorStart,
  RawRecord,
  RecordPage,
  ShardDescription,
  ShardPage,
  StreamStatus,
  StreamsApi,
  WireRecord,
} from './streams-api/streams-api.ts'
