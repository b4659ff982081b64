import { type Behaviour, profiles } from './behaviour.ts'
import { checkBehaviour } from './check-behaviour.ts'
import { createIteratorLives, type IteratorControl } from './faults/iterator-lives.ts'
import { createLimits } from './faults/limits.ts'
import { createRules, type Rules } from './faults/rules.ts'
import { createVisibility, type Visibility } from './faults/visibility.ts'
import type { LogEntry } from './log.ts'
import { type ResolvedOptions, resolveOptions, type StreamEmulatorOptions } from './options.ts'
import { createService, type Service } from './service.ts'
import type { WorldView } from './wire/operations.ts'
import { type Commands, createCommands } from './world/commands.ts'
import { requestId, seededRandom } from './world/random.ts'
import type { EmulatedRecord } from './world/record.ts'
import { createTable, type Table } from './world/table.ts'
import { createWriter, type Writer } from './world/writer.ts'

/** The parts of an emulator, tied together. */
export interface Parts {
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
  behaviour: Behaviour
  /** The service's clock, in ms. */
  now(): number
  /** Puts a command into the log. */
  note(op: string, facts: Partial<LogEntry>): void
  /** The same for a write, whose record it returns. */
  noteWrite(op: string, record: EmulatedRecord | undefined): EmulatedRecord | undefined
}

/** Every concern draws from a random sequence of its own: a fault by chance doesn't change the ids that come after it. */
export function assemble(given: StreamEmulatorOptions): Parts {
  const options = resolveOptions(given)
  const { seed, clock } = options
  checkBehaviour('behaviour', given.behaviour ?? {})
  let behaviour: Behaviour = { ...profiles[options.profile], ...given.behaviour }
  const now = () => clock.now() + behaviour.clockSkewMs
  const log: LogEntry[] = []
  const note: Parts['note'] = (op, facts) => void log.push({ at: clock.now(), op, ...facts })
  const noteWrite: Parts['noteWrite'] = (op, record) => {
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
    behaviour: () => behaviour,
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
    behaviour: () => behaviour,
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
    form: () => behaviour.wireForm,
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
    get behaviour() {
      return behaviour
    },
    set behaviour(changed) {
      behaviour = changed
    },
    now,
    note,
    noteWrite,
  }
}
