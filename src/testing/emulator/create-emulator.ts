import { type Behavior, profiles } from './behavior/behavior.ts'
import { checkBehavior } from './behavior/check-behavior.ts'
import { createIteratorLives, type IteratorControl } from './calls/iterator-lives.ts'
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
import type { WorldView } from './wire/operations.ts'

/** The parts of an emulator, tied together. */
export interface EmulatorParts {
  readonly options: ResolvedOptions
  readonly table: Table
  readonly writer: Writer
  readonly commands: Commands
  readonly service: Service
  readonly wire: WorldView
  readonly visibility: Visibility
  readonly iterators: IteratorControl
  readonly rules: Rules
  readonly log: readonly LogEntry[]
  /** How the service behaves at present. */
  behavior: Behavior
  /** The service's clock, in ms. */
  now(): number
  /** Puts a command into the log. */
  note(op: string, facts: Partial<LogEntry>): void
  /** The same for a write, whose record it returns. */
  noteWrite(op: string, record: EmulatedRecord | undefined): EmulatedRecord | undefined
}

/** Every concern draws from a random sequence of its own: a fault by chance doesn't change the ids that come after it. */
export function createEmulator(given: StreamEmulatorOptions): EmulatorParts {
  const options = resolveOptions(given)
  const { seed, clock } = options
  checkBehavior('behavior', given.behavior ?? {})
  let behavior: Behavior = { ...profiles[options.profile], ...given.behavior }
  const now = () => clock.now() + behavior.clockSkewMs
  const log: LogEntry[] = []
  const note: EmulatorParts['note'] = (op, facts) => void log.push({ at: clock.now(), op, ...facts })
  const noteWrite: EmulatorParts['noteWrite'] = (op, record) => {
    note(op, { shard: record?.shardId, position: record?.sequenceNumber })
    return record
  }

  const visibility = createVisibility()
  const iterators = createIteratorLives()
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
    log: note,
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
    latency: given.latency,
    random: seededRandom(seed, 'calls'),
    log: (entry) => log.push(entry),
  })
  const requestIds = seededRandom(seed, 'request ids')
  const wire: WorldView = {
    requestId: () => requestId(requestIds),
    form: () => behavior.wireForm,
    service,
    table,
    put: (image) => noteWrite('put', writer.putImage(image)),
    remove: (key) => noteWrite('remove', writer.removeImage(key)),
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
    set behavior(changed) {
      behavior = changed
    },
    now,
    note,
    noteWrite,
  }
}
