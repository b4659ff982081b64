export type { LambdaAttributeValue, LambdaRecord } from '../records/lambda-record.ts'
export {
  type CheckpointStoreContractOptions,
  type ContractCase,
  type CreateCheckpointStore,
  checkpointStoreContract,
} from './contracts/checkpoint-store.ts'
export {
  type DestinationContractOptions,
  type DestinationUnderTest,
  destinationContract,
} from './contracts/destination.ts'
export { type CreateParkingStore, parkingStoreContract } from './contracts/parking-store.ts'
export type { Behavior, Profile, WireForm } from './emulator/behavior/behavior.ts'
export type { StreamEmulatorOptions } from './emulator/emulator-options.ts'
export type { Effect } from './emulator/faults/effect.ts'
export type { Latency, LatencySource } from './emulator/faults/latency.ts'
export type { Call, CallMatcher, CallName, EffectOrFactory } from './emulator/faults/rules.ts'
export type {
  DeleteTableOptions,
  EnableOptions,
  RollOptions,
  ShardRef,
  TrimOptions,
} from './emulator/state/commands.ts'
export type { LogEntry } from './emulator/state/log.ts'
export type { EmulatedRecord, ItemKey } from './emulator/state/record.ts'
export type { SequenceNumberFormat } from './emulator/state/sequence-numbers.ts'
export type { EmulatedShard } from './emulator/state/shard.ts'
export type { KeySchema } from './emulator/state/table.ts'
export type { Duration } from './emulator/state/visibility.ts'
export type { FillOptions, Item, RemoveOptions, WriteOptions } from './emulator/state/writer.ts'
export { StreamEmulator } from './emulator/stream-emulator.ts'
export type { EmulatorServer } from './emulator/wire/http-server.ts'
export type { DiscardedRecord } from './event-source-mapping/discards.ts'
export { emulateEventSourceMapping } from './event-source-mapping/emulate.ts'
export type { EventSourceMapping } from './event-source-mapping/event-source-mapping.ts'
export type { InvocationCondition, LambdaInvocationRecord } from './event-source-mapping/invocation-record.ts'
export type { InvocationOutcome, MappingInvocation } from './event-source-mapping/invocations.ts'
export type {
  LambdaCallback,
  LambdaContext,
  LambdaFunctionHandler,
  LambdaStreamEvent,
} from './event-source-mapping/lambda-function.ts'
export type { EventSourceMappingOptions } from './event-source-mapping/options.ts'
export { ManualClock } from './manual-clock.ts'
export type { HistoryReport } from './verify/check-history.ts'
export {
  compareDelivery,
  type Delivered,
  type DeliveryReport,
  expectDelivered,
} from './verify/compare-delivery.ts'
export {
  expectAtMostCalls,
  expectAtMostDescribeCalls,
  expectParentsBeforeChildren,
  type ParentsFirstOptions,
} from './verify/log-assertions.ts'
export { type ConsumerHistory, type TrackConsumerOptions, trackConsumer } from './verify/track-consumer.ts'
