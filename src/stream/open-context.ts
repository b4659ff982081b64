import type { Clock } from '../core/clock.ts'
import type { Emitter } from '../core/emitter.ts'
import type { StreamEvents } from './events.ts'
import type { OpenStreamOptions } from './open-stream-options.ts'
import type { TableStreams } from './table-streams.ts'

/** The dependencies and options that the steps of `openStream` share. */
export interface OpenContext {
  readonly options: OpenStreamOptions
  readonly clock: Clock
  readonly random: () => number
  readonly events: Emitter<StreamEvents>
  readonly tables: TableStreams | undefined
  /** The signal of the options, or one that never aborts. */
  readonly signal: AbortSignal
}
