import { abortable } from '../../core/abortable.ts'
import type { ParkedKey, ParkingStore } from '../../parking/parking-store.ts'
import { CliError, type ExitCode, exitCodes } from '../errors.ts'
import { describeParked, parkedJson, parkedTable, shortKey, toStreamRecord } from '../format-parked.ts'
import { jsonLine, prettyLines } from '../format-record.ts'
import { onInterrupt } from '../interrupt.ts'
import type { KeyArgument } from '../parked-key.ts'
import type { ParkedAction, ParkedOptions } from '../parked-options.ts'
import { openParking } from '../parking-location.ts'
import { recordOutput, writeText } from '../standard-output.ts'
import type { Terminal } from '../terminal.ts'
import { pluralize } from '../text.ts'

/** How much is written at a time, in characters. A record may exceed it. */
const CHARACTERS_PER_WRITE = 262_144

/** Lists, shows, releases or drops parked keys. Calls only what does not disturb a running worker. */
export async function parked(options: ParkedOptions, terminal: Terminal): Promise<ExitCode> {
  using interrupt = onInterrupt()
  await using parking = await openParking(options.location)
  const { store, place } = parking
  const context = { name: options.name, store, place, terminal, interrupt: interrupt.signal }
  try {
    return await abortable(act(options.action, context), interrupt.signal)
  } catch (error) {
    if (interrupt.signal.aborted) return exitCodes.interrupted
    throw parking.explain(error)
  }
}

interface ParkedContext {
  /** The name of the run. */
  readonly name: string
  readonly store: ParkingStore
  readonly place: string
  readonly terminal: Terminal
  readonly interrupt: AbortSignal
}

async function act(action: ParkedAction, context: ParkedContext): Promise<ExitCode> {
  switch (action.kind) {
    case 'list':
      return list(action.json, context)
    case 'show':
      return show(action, context)
    case 'release':
      return action.keys === 'all' ? releaseAll(context) : request(action.kind, action.keys, context)
    case 'drop':
      return request(action.kind, action.keys, context)
  }
}

async function list(json: boolean, context: ParkedContext): Promise<ExitCode> {
  const { terminal } = context
  const keys = await allKeys(context)
  if (keys.length === 0) {
    reportNoKeys(context)
    return exitCodes.ok
  }
  const lines = json ? keys.map(parkedJson) : parkedTable(keys, terminal.style)
  await writeText(terminal.stdout, lines.map((line) => `${line}\n`).join(''))
  return exitCodes.ok
}

/** Returns the keys in the order in which they were parked. */
async function allKeys({ name, store, interrupt }: ParkedContext): Promise<ParkedKey[]> {
  const keys: ParkedKey[] = []
  for await (const key of store.list(name)) {
    interrupt.throwIfAborted()
    keys.push(key)
  }
  return keys.sort((one, other) => one.parkedAt - other.parkedAt || (one.keyHash < other.keyHash ? -1 : 1))
}

/** A store does not know the names of all runs, so this is all that a misspelled name shows. */
function reportNoKeys({ name, place, terminal }: ParkedContext): void {
  terminal.log(
    `no keys of ${JSON.stringify(name)} are parked in ${place}; if you expected some, check --name`,
  )
}

async function show(
  { key, limit, json }: Extract<ParkedAction, { kind: 'show' }>,
  { name, store, terminal, interrupt }: ParkedContext,
): Promise<ExitCode> {
  const found = await store.get(name, key.keyHash)
  if (found === undefined) throw notParked([key], name)
  const output = recordOutput(terminal.stdout)
  const format = json ? jsonLine : prettyLines(terminal.style)
  let text = json
    ? ''
    : describeParked(found, terminal.style)
        .map((line) => `${line}\n`)
        .join('')
  let count = 0
  for await (const record of store.records(name, key.keyHash)) {
    interrupt.throwIfAborted()
    if (count === limit) break
    count++
    text += format(toStreamRecord(record))
    if (text.length < CHARACTERS_PER_WRITE) continue
    // After `| head`, nothing more is printed.
    if ((await output.write(text, interrupt)) !== 'written') return exitCodes.ok
    text = ''
  }
  await output.write(text, interrupt)
  return exitCodes.ok
}

async function releaseAll(context: ParkedContext): Promise<ExitCode> {
  const keys = await allKeys(context)
  if (keys.length > 0) {
    return request(
      'release',
      keys.map(({ keyHash }) => ({ text: keyHash, keyHash })),
      { ...context, isAll: true },
    )
  }
  reportNoKeys(context)
  return exitCodes.ok
}

/** Makes all requests that are possible, and fails if a key is not parked. */
async function request(
  action: 'release' | 'drop',
  keys: readonly KeyArgument[],
  context: ParkedContext & { readonly isAll?: boolean },
): Promise<ExitCode> {
  const { name, store, terminal, interrupt } = context
  const missing: KeyArgument[] = []
  let count = 0
  for (const key of keys) {
    interrupt.throwIfAborted()
    const found = await store.get(name, key.keyHash)
    if (found === undefined || !(await store[action](name, key.keyHash))) {
      missing.push(key)
      continue
    }
    count++
    const what = `${pluralize(found.records, 'record')} of ${shortKey(found.key)}`
    await writeText(terminal.stdout, `${action} requested: ${what} (${found.keyHash})\n`)
  }
  if (count > 0) {
    terminal.log(
      'a running worker sees the request within 5 seconds; if none is running, the next one sees it when it starts',
    )
  }
  // Of all keys, one may have returned to the stream since they were listed.
  if (missing.length > 0 && !context.isAll) throw notParked(missing, name)
  return exitCodes.ok
}

function notParked(keys: readonly KeyArgument[], name: string): CliError {
  const [key] = keys
  const subject = keys.length === 1 ? `The key ${key?.text} is` : `${keys.length} keys are`
  const advice = `List the parked keys of ${JSON.stringify(name)} with parked list`
  const names = keys.length === 1 ? '' : `: ${keys.map(({ text }) => text).join(', ')}`
  return new CliError('key.notParked', `${subject} not parked${names}. ${advice}`, exitCodes.notFound)
}
