import { compareSequenceNumbers, withoutLeadingZeros } from './sequence-number.ts'
import type { ShardPosition, ShardToken, ShardTokenState, UnsettledEntry } from './token.ts'
import { asSequenceNumber, asTime, MAX_TIME_MS } from './token-fields.ts'
import { asObject, elementsOf, invalidField, ownField } from './validate.ts'

/** The maximum number of unsettled entries in a token, over all shards. */
export const MAX_UNSETTLED_ENTRIES = 1_000_000

const MAX_ATTEMPTS = 1_000_000_000
const MAX_TASKS = 100
const MAX_TASK_NAME_LENGTH = 100
const MAX_ERROR_NAME_LENGTH = 200

/** A hash of 128 bits has 22 characters. Any hash of up to 64 is accepted, for later releases. */
const KEY_HASH = /^[\w-]{1,64}$/

/** What a token stores about the attempts to process an unsettled record. */
export interface RecordProgress {
  /** The number of attempts that were started, including one that is running. */
  readonly attempts: number
  /** When the first attempt was started, in ms since 1970. */
  readonly since: number
  /** Whether an attempt is running, so that its outcome is unknown. */
  readonly isRunning: boolean
  /** The names of the tasks that need not run again. */
  readonly finishedTasks: readonly string[]
  /** The error of the last failed attempt. */
  readonly error: { readonly name: string; readonly code?: string } | undefined
}

/** The fields of a shard's token that out-of-order settlement adds. */
export type SettlementFields = Pick<ShardToken, 'through' | 'unsettled'>

/** How many more entries a token may contain. */
export interface EntryBudget {
  left: number
}

/**
 * Creates an entry for a record. What does not fit into a token is shortened, so that it can be loaded again.
 *
 * @param key - the hash of the record's key, if the entry covers its later records as well.
 */
export function unsettledEntry(
  from: string,
  key: string | undefined,
  progress: RecordProgress | undefined,
  record: { readonly createdAt: Date },
): UnsettledEntry {
  const { attempts = 0, since = 0, isRunning = false, finishedTasks = [], error } = progress ?? {}
  const done = finishedTasks.slice(0, MAX_TASKS)
  return {
    from,
    ...(key !== undefined && { key }),
    attempts: wholeNumber(attempts, MAX_ATTEMPTS),
    since: wholeNumber(attempts > 0 ? since : record.createdAt.getTime(), MAX_TIME_MS),
    ...(isRunning && { running: true }),
    ...(done.length > 0 && { done }),
    ...(error && {
      error: {
        name: shortened(error.name),
        ...(error.code !== undefined && { code: shortened(error.code) }),
      },
    }),
  }
}

/** Returns what an entry says about the record `from`; undefined if nothing was attempted. */
export function progressOf(entry: UnsettledEntry): RecordProgress | undefined {
  const { attempts, since, running = false, done = [], error } = entry
  const progress = { attempts, since, isRunning: running, finishedTasks: done, error }
  return isAttempted(progress) ? progress : undefined
}

/** Whether a token has to store the progress of a record that no other record has overtaken. */
export function isAttempted(progress: RecordProgress): boolean {
  return progress.isRunning || isCounted(progress)
}

/** Whether a token has to store the progress of a record even if an earlier record of its key covers it. */
export function isCounted({ attempts, finishedTasks }: RecordProgress): boolean {
  return attempts > 0 || finishedTasks.length > 0
}

/**
 * Checks the fields `through` and `unsettled` of a shard's token.
 *
 * @throws StreamError `token.invalid`
 */
export function readSettlement(
  shard: object,
  at: ShardPosition,
  state: ShardTokenState | undefined,
  path: string,
  budget: EntryBudget,
): SettlementFields {
  const through = ownField(shard, 'through', `${path}.through`)
  const unsettled = ownField(shard, 'unsettled', `${path}.unsettled`)
  if (through === undefined && unsettled === undefined) return {}
  if (state !== undefined || (typeof at === 'object' && 'end' in at)) {
    const field = through === undefined ? 'unsettled' : 'through'
    throw invalidField(`${path}.${field}`, 'no such field in a shard that is not being read', shard)
  }
  const after = typeof at === 'object' && 'after' in at ? at.after : undefined
  const entries = unsettled === undefined ? [] : readEntries(unsettled, after, `${path}.unsettled`, budget)
  return {
    ...(through !== undefined && { through: asSequenceNumber(through, `${path}.through`) }),
    ...(entries.length > 0 && { unsettled: entries }),
  }
}

function readEntries(
  value: unknown,
  after: string | undefined,
  path: string,
  budget: EntryBudget,
): UnsettledEntry[] {
  const entries: UnsettledEntry[] = []
  const keys = new Set<string>()
  const records = new Set<string>()
  for (const [element, entryPath] of elementsOf(value, path, budget.left)) {
    const entry = readEntry(element, entryPath)
    const { from, key } = entry
    if (after !== undefined && compareSequenceNumbers(from, after) <= 0) {
      throw invalidField(`${entryPath}.from`, 'a sequence number after that of `at`', from)
    }
    if (key !== undefined && keys.has(key)) {
      throw invalidField(`${entryPath}.key`, 'a key that is listed only once in a shard', key)
    }
    const record = withoutLeadingZeros(from)
    if (key === undefined && records.has(record)) {
      throw invalidField(`${entryPath}.from`, 'a record that is listed only once in a shard', from)
    }
    if (key === undefined) records.add(record)
    else keys.add(key)
    entries.push(entry)
  }
  budget.left -= entries.length
  return entries
}

function readEntry(value: unknown, path: string): UnsettledEntry {
  const entry = asObject(value, path, 'an object { from, key?, attempts, since, running?, done?, error? }')
  const field = (name: string) => ownField(entry, name, `${path}.${name}`)
  const from = asSequenceNumber(field('from'), `${path}.from`)
  const key = field('key')
  const attempts = field('attempts')
  const since = asTime(field('since'), `${path}.since`)
  const running = field('running')
  const done = field('done')
  const error = field('error')
  if (key !== undefined && !(typeof key === 'string' && KEY_HASH.test(key))) {
    throw invalidField(`${path}.key`, 'a hash of 1 to 64 characters of base64url', key)
  }
  if (
    !(typeof attempts === 'number' && Number.isInteger(attempts) && attempts >= 0 && attempts <= MAX_ATTEMPTS)
  ) {
    throw invalidField(`${path}.attempts`, `an integer from 0 to ${MAX_ATTEMPTS}`, attempts)
  }
  if (running !== undefined && running !== true) throw invalidField(`${path}.running`, 'true', running)
  const tasks = done === undefined ? [] : readTasks(done, `${path}.done`)
  return {
    from,
    ...(key !== undefined && { key }),
    attempts: attempts + 0, // -0 becomes 0, as in JSON
    since,
    ...(running && { running }),
    ...(tasks.length > 0 && { done: tasks }),
    ...(error !== undefined && { error: readError(error, `${path}.error`) }),
  }
}

function readTasks(value: unknown, path: string): string[] {
  const names = new Set<string>()
  for (const [name, namePath] of elementsOf(value, path, MAX_TASKS)) {
    if (!isShortString(name, MAX_TASK_NAME_LENGTH) || name === '' || names.has(name)) {
      const expected = `a task name of 1 to ${MAX_TASK_NAME_LENGTH} characters that is listed only once`
      throw invalidField(namePath, expected, name)
    }
    names.add(name)
  }
  return [...names]
}

function readError(value: unknown, path: string): { readonly name: string; readonly code?: string } {
  const error = asObject(value, path, 'an object { name, code? }')
  const expected = `a string of at most ${MAX_ERROR_NAME_LENGTH} characters`
  const name = ownField(error, 'name', `${path}.name`)
  const code = ownField(error, 'code', `${path}.code`)
  if (!isShortString(name, MAX_ERROR_NAME_LENGTH)) throw invalidField(`${path}.name`, expected, name)
  if (code === undefined) return { name }
  if (!isShortString(code, MAX_ERROR_NAME_LENGTH)) throw invalidField(`${path}.code`, expected, code)
  return { name, code }
}

function isShortString(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && value.isWellFormed()
}

function shortened(value: string): string {
  return String(value).slice(0, MAX_ERROR_NAME_LENGTH).toWellFormed()
}

function wholeNumber(value: number, max: number): number {
  return Math.min(max, Math.max(0, Math.floor(value))) || 0
}
