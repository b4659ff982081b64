import type { DeadLetter } from '../../../src/index.ts'
import type { Process } from '../stream/process.ts'
import type { World } from '../world.ts'
import type { Auditor } from './auditor.ts'
import type { ModelCheckpointStore } from './checkpoint-store.ts'
import type { Entry, Ledger } from './ledger.ts'
import type { Moments } from './moments.ts'
import type { ModelParkingStore } from './parking-store.ts'
import type { Mode, ParkingSetup } from './steps.ts'

/** What workers share, and what outlives them. */
export interface Site {
  readonly world: World
  readonly setup: ParkingSetup
  readonly ledger: Ledger
  readonly auditor: Auditor
  readonly moments: Moments
  readonly parking: ModelParkingStore
  readonly checkpoints: ModelCheckpointStore
  readonly limits: Limits
  readonly random: () => number
  /** How long the next call of a handler takes, in ms. */
  readonly handlerMs: () => number
  /** What the handler does with a record now. */
  readonly modeOf: (entry: Entry) => Mode
  /** The time in monotonic ms, without that during which the machine's process was suspended. */
  readonly now: () => number
  /** A destination accepts a letter. */
  deliver(process: Process, letter: DeadLetter): Promise<void>
  /** A part of a record has succeeded. */
  readonly succeeded: (entry: Entry, part: string) => void
  /** The handler of a record ends its process. */
  died(entry: Entry): void
  /** Runs a check, and keeps the first violation. */
  readonly guard: (check: () => void) => void
  readonly trace: (line: () => string) => void
}

/** How long things may take, in ms. */
export interface Limits {
  readonly checkpointMs: number
  readonly parkingMs: number
  /** How long a run may take to stop. */
  stopMs(): number
  /** Whether faults of the stores may have an effect at present. */
  areFaulty(): boolean
  /** The most attempts that a record has before its key is parked; undefined: not known. */
  maxAttempts(): number | undefined
}
