import { usageError } from './errors.ts'
import { checkEndpoint, integerOf, stringOf, type Values } from './option-values.ts'
import { type KeyArgument, parseKeyArgument } from './parked-key.ts'

/** Where the parked keys are. */
export type ParkingLocation =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'table'
      readonly tableName: string
      readonly endpoint: string | undefined
      readonly region: string | undefined
    }

/** What to do, and with which keys. */
export type ParkedAction =
  | { readonly kind: 'list'; readonly json: boolean }
  | { readonly kind: 'show'; readonly key: KeyArgument; readonly limit: number; readonly json: boolean }
  | { readonly kind: 'release'; readonly keys: readonly KeyArgument[] | 'all' }
  | { readonly kind: 'drop'; readonly keys: readonly KeyArgument[] }

export interface ParkedOptions {
  /** The name of the run. */
  readonly name: string
  readonly location: ParkingLocation
  readonly action: ParkedAction
}

const ACTIONS = ['list', 'show', 'release', 'drop'] as const

/** The options that only some actions have. */
const OWN_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  json: ['list', 'show'],
  limit: ['show'],
  all: ['release'],
  yes: ['drop'],
}

/**
 * @param positionals - the action and the keys.
 * @throws CliError `usage`
 */
export function parkedOptions(values: Values, positionals: readonly string[]): ParkedOptions {
  const [word, ...keys] = positionals
  const expected = `use ${ACTIONS.slice(0, -1).join(', ')} or ${ACTIONS.at(-1)}`
  if (word === undefined) throw usageError(`Missing action: ${expected}`)
  const kind = ACTIONS.find((known) => known === word)
  if (kind === undefined) throw usageError(`Unknown action ${JSON.stringify(word)}: ${expected}`)
  for (const [option, actions] of Object.entries(OWN_OPTIONS)) {
    if (values[option] === undefined || actions.includes(kind)) continue
    throw usageError(`--${option} cannot be used with parked ${kind}`)
  }
  const name = stringOf(values, 'name')
  if (name === undefined) throw usageError('Missing name of the run: use --name NAME')
  return { name, location: locationOf(values), action: actionOf(kind, keys, values) }
}

function actionOf(kind: ParkedAction['kind'], texts: readonly string[], values: Values): ParkedAction {
  const json = values.json === true
  if (kind === 'list') {
    if (texts.length > 0) throw usageError('parked list accepts no key: use parked show KEY')
    return { kind, json }
  }
  const keys = texts.map(parseKeyArgument)
  const [key, second] = keys
  switch (kind) {
    case 'show': {
      if (key === undefined) throw missingKey(kind)
      if (second !== undefined) throw usageError('parked show accepts only one key')
      const limit = integerOf(values, 'limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY
      return { kind, key, limit, json }
    }
    case 'release':
      if (values.all === true) {
        if (key !== undefined) throw usageError('Use either --all or keys, not both')
        return { kind, keys: 'all' }
      }
      if (key === undefined) throw usageError('Missing key: use parked release KEY, or --all for all keys')
      return { kind, keys }
    case 'drop':
      if (key === undefined) throw missingKey(kind)
      if (values.yes !== true) {
        throw usageError('parked drop loses the parked records of a key: add --yes if that is what you want')
      }
      return { kind, keys }
  }
}

function missingKey(kind: string): Error {
  return usageError(`Missing key: use parked ${kind} KEY, where KEY is an item key as JSON or its hash`)
}

function locationOf(values: Values): ParkingLocation {
  const path = stringOf(values, 'parking-dir')
  const tableName = stringOf(values, 'parking-table')
  const endpoint = stringOf(values, 'endpoint')
  const region = stringOf(values, 'region')
  if (path !== undefined && tableName !== undefined) {
    throw usageError('Use either --parking-dir or --parking-table, not both')
  }
  if (tableName !== undefined) {
    if (endpoint !== undefined) checkEndpoint(endpoint)
    return { kind: 'table', tableName, endpoint, region }
  }
  if (path === undefined) {
    throw usageError('Missing parking store: use --parking-dir DIR or --parking-table TABLE')
  }
  if (endpoint !== undefined || region !== undefined) {
    throw usageError('Use --endpoint and --region only with --parking-table')
  }
  return { kind: 'folder', path }
}
