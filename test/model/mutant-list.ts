import { bufferMutants } from './mutants/buffer.ts'
import { checkpointerMutants } from './mutants/checkpointer.ts'
import { coordinatorMutants } from './mutants/coordinator.ts'
import { discoveryMutants } from './mutants/discovery.ts'
import { lambdaMutants } from './mutants/lambda.ts'
import type { Mutant } from './mutants/mutant.ts'
import { parkingMutants } from './mutants/parking.ts'
import { processingMutants } from './mutants/processing.ts'
import { readSessionMutants } from './mutants/read-session.ts'
import { readerMutants } from './mutants/reader.ts'
import { shardReaderMutants } from './mutants/shard-reader.ts'
import { shardsMutants } from './mutants/shards.ts'
import { standbyMutants } from './mutants/standby.ts'
import { streamMutants } from './mutants/stream.ts'
import { streamsApiMutants } from './mutants/streams-api.ts'
import { wireMutants } from './mutants/wire.ts'

/** All mutants, in the order in which they run. */
export const mutants: readonly Mutant[] = [
  ...readerMutants,
  ...shardReaderMutants,
  ...readSessionMutants,
  ...discoveryMutants,
  ...coordinatorMutants,
  ...shardsMutants,
  ...bufferMutants,
  ...wireMutants,
  ...streamsApiMutants,
  ...checkpointerMutants,
  ...streamMutants,
  ...processingMutants,
  ...parkingMutants,
  ...standbyMutants,
  ...lambdaMutants,
]
