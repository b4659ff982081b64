export {
  expectAtMostCalls,
  expectAtMostDescribeCalls,
  expectParentsBeforeChildren,
  type ParentsFirstOptions,
} from './assertions.ts'
export type { Behaviour, Profile } from './behaviour.ts'
export {
  type CheckpointStoreContractOptions,
  type ContractCase,
  checkpointStoreContract,
  type MakeCheckpointStore,
} from './checkpoint-store-contract.ts'
export { compareDelivery, type Delivered, type DeliveryReport, expectDelivered } from './delivery.ts'
export type { Effect } from './faults/effect.ts'
export type { Latency, LatencySource } from './faults/latency.ts'
export type { Call, CallName, EffectSource, Where } from './faults/rules.ts'
export type { Duration } from './faults/visibility.ts'
export type { HistoryReport } from './history/judge.ts'
export type { LogEntry } from './log.ts'
export { ManualClock } from './manual-clock.ts'
export type { StreamEmulatorOptions } from './options.ts'
export { type ConsumerHistory, type RecordHistoryOptions, recordHistory } from './record-history.ts'
export { StreamEmulator } from './stream-emulator.ts'
export type { Listening } from './wire/http-server.ts'
export type {
  DeleteTableOptions,
  EnableOptions,
  RollOptions,
  ShardRef,
  TrimOptions,
} from './world/commands.ts'
export type { EmulatedRecord, ItemKey } from './world/record.ts'
export type { SequenceNumberFormat } from './world/sequence-numbers.ts'
export type { EmulatedShard } from './world/shard.ts'
export type { KeySchema } from './world/table.ts'
export type { FillOptions, Item, RemoveOptions, WriteOptions } from './world/writer.ts'
