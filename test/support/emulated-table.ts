import { Coordinator, type CoordinatorEvents, type CoordinatorOptions } from '../../src/index.ts'
import { ManualClock, StreamEmulator, type StreamEmulatorOptions } from '../../src/testing/index.ts'

/** An in-memory table with a stream, its manual clock, and helpers to write and read. */
export interface EmulatedTable {
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  /** Creates a Coordinator that reads the stream. */
  open(options?: Partial<CoordinatorOptions>): Coordinator
  /** Writes `count` numbered items with different keys, to `shard` if specified. Returns their numbers. */
  write(count: number, shard?: string): number[]
}

export function emulatedTable(options: StreamEmulatorOptions = {}): EmulatedTable {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ seed: 7, clock, ...options })
  let written = 0
  return {
    clock,
    emulator,
    open: (more) =>
      new Coordinator({
        client: emulator.api,
        streamArn: emulator.streamArn,
        clock,
        random: () => 0.5,
        ...more,
      }),
    write: (count, shard) =>
      Array.from({ length: count }, () => {
        const n = written++
        const id = shard === undefined ? `item-${n}` : emulator.keyForShard(shard, n % 50)
        emulator.put({ id, n })
        return n
      }),
  }
}

/** Returns an array that collects all events with the name `name`. */
export function collectEvents<Name extends keyof CoordinatorEvents>(
  coordinator: Coordinator,
  name: Name,
): CoordinatorEvents[Name][] {
  const events: CoordinatorEvents[Name][] = []
  coordinator.on(name, (event) => events.push(event))
  return events
}
