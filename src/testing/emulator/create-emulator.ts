import { type Behavior, profiles } from './behavior/behavior.ts'
import { createIteratorRegistry, type IteratorControl } from './calls/iterator-registry.ts'
import { createLimits } from './calls/limits.ts'
import { createService, type Service } from './calls/service.ts'
import { type ResolvedOptions, resolveOptions, type StreamEmulatorOptions } from './emulator-options.ts'
import { createRules, type Rules } from './faults/rules.ts'
import { type Commands, createCommands } from './state/commands.ts'
import type { LogEntry } from './state/log.ts'
import { requestId, seededRandom } from './state/random.ts'
import type { EmulatedRecord } from './state/record.ts'
import { createTable, type Table } from './state/table.ts'
import { createVisibility, type Visibility } from './state/visibility.ts'
import { createWriter, type Writer } from './state/writer.ts'
import type { WireContext } from './wire/operations.ts'

/** The parts of an emulator, wired together. */
export interface EmulatorParts {
  readonly options: ResolvedOptions
  readonly table: Table
  readonly writer: Writer
  readonly commands: Commands
  readonly service: Service
  readonly wire: WireContext
  readonly visibility: Visibility
  readonly iterators: IteratorControl
  readonly rules: Rules
  readonly log: readonly LogEntry[]
  /** The current behavior of the service. */
  behavior: Behavior
  /** The time on the service's clock, in ms. */
  now(): number
  /** Logs a command. */
  logCommand(op: string, facts: Partial<LogEntry>): void
  /** Logs a write and returns its record. */
  logWrite(op: string, record: EmulatedRecord | undefined): EmulatedRecord | undefined
}

/**
 * Creates the parts of an emulator. Each concern has a separate random sequence, so that a random fault does
 * not change the ids that are generated after it.
 */
export function createEmulator(userOptions: StreamEmulatorOptions): EmulatorParts {
  const options = resolveOptions(userOptions)
  const { seed, clock } = options
  let behavior: Behavior = { ...profiles[options.profile], ...userOptions.behavior }
  const now = () => clock.now() + behavior.clockSkewMs
  const log: LogEntry[] = []
  const logCommand: EmulatorParts['logCommand'] = (op, facts) =>
    void log.push({ at: clock.now(), op, ...facts })
  const logWrite: EmulatorParts['logWrite'] = (op, record) => {
    logCommand(op, { shard: record?.shardId, position: record?.sequenceNumber })
    return record
  }

  const visibility = createVisibility()
  const iterators = createIteratorRegistry()
  const rules = createRules(seededRandom(seed, 'rules'))
  const table = createTable({
    ...options,
    name: options.tableName,
    random: seededRandom(seed, 'world'),
    now,
    behavior: () => behavior,
  })
  const writer = createWriter(table)
  const commands = createCommands({
    table,
    visibility,
    random: seededRandom(seed, 'commands'),
    now,
    log: logCommand,
    defaults: options,
  })
  const service = createService({
    table,
    clock,
    behavior: () => behavior,
    visibility,
    iterators,
    limits: createLimits(),
    rules,
    latency: userOptions.latency,
    random: seededRandom(seed, 'calls'),
    log: (entry) => log.push(entry),
  })
  const requestIds = seededRandom(seed, 'request ids')
  const wire: WireContext = {
    requestId: () => requestId(requestIds),
    form: () => behavior.wireForm,
    service,
    table,
    put: (image) => logWrite('put', writer.putImage(image)),
    remove: (key) => logWrite('remove', writer.removeImage(key)),
  }
  return {
    options,
    table,
    writer,
    commands,
    service,
    wire,
    visibility,
    iterators,
    rules,
    log,
    get behavior() {
      return behavior
    },
    set behavior(value) {
      behavior = value
    },
    now,
    logCommand,
    logWrite,
  }
}
