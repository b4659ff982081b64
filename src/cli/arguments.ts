import { parseArgs } from 'node:util'
import { isStreamError } from '../core/errors.ts'
import { nearestName } from '../core/options.ts'
import { checkStreamArn, regionOf } from '../core/stream-arn.ts'
import { type CliError, usageError } from './cli-error.ts'
import { type CommandName, commands, isCommandName, type OptionSpec } from './commands.ts'

/** Which stream, and how to get to it. */
export interface SourceOptions {
  readonly table: string | undefined
  readonly arn: string | undefined
  readonly endpoint: string | undefined
  readonly region: string | undefined
  readonly timeoutMs: number
}

export interface TailOptions extends SourceOptions {
  readonly from: string
  /** Whether `--from` was given, and is not the default. */
  readonly isFromGiven: boolean
  readonly checkpoint: string | undefined
  readonly format: 'json' | 'pretty'
  readonly follow: boolean
  readonly limit: number
  readonly onGap: 'throw' | 'continue'
}

export interface ShardsOptions extends SourceOptions {
  readonly json: boolean
}

export interface LagOptions extends SourceOptions {
  readonly from: string
  readonly checkpoint: string | undefined
  readonly json: boolean
}

/** What the command line asks for. */
export type Request =
  | { readonly command: 'help'; readonly of: CommandName | undefined }
  | { readonly command: 'version' }
  | { readonly command: 'tail'; readonly options: TailOptions }
  | { readonly command: 'shards'; readonly options: ShardsOptions }
  | { readonly command: 'lag'; readonly options: LagOptions }
  | { readonly command: 'demo'; readonly options: { readonly local: boolean } }

/**
 * Understands the command line. Nothing is called or opened yet.
 * @throws CliError `usage`
 */
export function parseArguments(args: readonly string[]): Request {
  const [name, ...rest] = args
  if (name === undefined) throw usageError('Which command? See dynamodb-stream-iterator --help')
  if (name === '--help' || name === '-h' || name === 'help') return helpRequest(rest[0])
  if (name === '--version' || name === '-v') return { command: 'version' }
  if (!isCommandName(name)) throw unknownCommand(name)
  const given = parseOptions(name, rest)
  if (given.help === true) return { command: 'help', of: name }
  if (given.version === true) return { command: 'version' }
  return requestOf(name, given)
}

type Given = Readonly<Record<string, string | boolean | undefined>>

function requestOf(command: CommandName, given: Given): Request {
  switch (command) {
    case 'tail':
      return { command, options: tailOptions(given) }
    case 'shards':
      return { command, options: { ...sourceOptions(given), json: given.json === true } }
    case 'lag':
      return { command, options: lagOptions(given) }
    case 'demo':
      return { command, options: { local: given.local === true } }
  }
}

function helpRequest(name: string | undefined): Request {
  return { command: 'help', of: name !== undefined && isCommandName(name) ? name : undefined }
}

function unknownCommand(name: string): CliError {
  const names = Object.keys(commands)
  if (name.startsWith('-')) return usageError(`Unknown option ${name}. The commands are ${names.join(', ')}`)
  const near = nearestName(name, names)
  const hint = near === undefined ? `. The commands are ${names.join(', ')}` : `; did you mean ${near}?`
  return usageError(`Unknown command ${name}${hint}`)
}

function parseOptions(command: CommandName, args: readonly string[]): Given {
  const specs: Readonly<Record<string, OptionSpec>> = { ...commands[command].options, version: { help: [] } }
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value, short }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short && { short }) } as const,
    ]),
  )
  // Not strict: its messages speak of the code that calls it.
  const { values, tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true })
  for (const token of tokens) {
    const problem = problemOf(token, specs)
    if (problem === undefined) continue
    const see = problem.endsWith('?') ? '' : `. See dynamodb-stream-iterator ${command} --help`
    throw usageError(`${problem}${see}`)
  }
  return values
}

/** What `parseArgs` finds, one by one. */
type Token =
  | { readonly kind: 'positional'; readonly value: string }
  | { readonly kind: 'option-terminator' }
  | {
      readonly kind: 'option'
      readonly name: string
      readonly rawName: string
      readonly value?: string | undefined
      readonly inlineValue?: boolean | undefined
    }

function problemOf(token: Token, specs: Readonly<Record<string, OptionSpec>>): string | undefined {
  if (token.kind === 'positional') return `Unexpected argument ${JSON.stringify(token.value)}`
  if (token.kind !== 'option') return undefined
  const { name, rawName, value, inlineValue } = token
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
  if (spec === undefined) {
    const near = rawName.startsWith('--') ? nearestName(name, Object.keys(specs)) : undefined
    return `Unknown option ${rawName}${near === undefined ? '' : `; did you mean --${near}?`}`
  }
  if (spec.value === undefined) return value === undefined ? undefined : `${rawName} takes no value`
  if (value === undefined) return `${rawName} needs a value`
  // Another option in the place of the value, but not a number.
  if (!inlineValue && /^-\D/.test(value)) return `${rawName} needs a value, but is followed by ${value}`
  return undefined
}

function tailOptions(given: Given): TailOptions {
  const follow = given['no-follow'] !== true
  return {
    ...sourceOptions(given),
    from: textOf(given, 'from') ?? (follow ? 'latest' : 'trim_horizon'),
    isFromGiven: given.from !== undefined,
    checkpoint: textOf(given, 'checkpoint'),
    format: oneOf(given, 'format', ['json', 'pretty']),
    follow,
    limit: numberOf(given, 'limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
    onGap: oneOf(given, 'on-gap', ['stop', 'continue']) === 'stop' ? 'throw' : 'continue',
  }
}

function lagOptions(given: Given): LagOptions {
  if (given.checkpoint !== undefined && given.from !== undefined) {
    throw usageError('--checkpoint and --from each name a position: give one of them')
  }
  return {
    ...sourceOptions(given),
    from: textOf(given, 'from') ?? 'trim_horizon',
    checkpoint: textOf(given, 'checkpoint'),
    json: given.json === true,
  }
}

function sourceOptions(given: Given): SourceOptions {
  const table = textOf(given, 'table')
  const arn = textOf(given, 'arn')
  const endpoint = textOf(given, 'endpoint')
  const region = textOf(given, 'region')
  if (table === undefined && arn === undefined)
    throw usageError('Which stream? Give --table NAME or --arn ARN')
  if (table !== undefined && arn !== undefined) throw usageError('Give --table or --arn, not both')
  if (arn !== undefined) checkArn(arn, endpoint === undefined ? region : undefined)
  if (endpoint !== undefined) checkEndpoint(endpoint)
  const timeoutMs = (numberOf(given, 'timeout', 1, 3_600) ?? 10) * 1_000
  return { table, arn, endpoint, region, timeoutMs }
}

function checkArn(arn: string, region: string | undefined): void {
  try {
    checkStreamArn(arn)
  } catch (error) {
    if (!isStreamError(error, 'options.invalid')) throw error
    throw usageError(`--arn is ${JSON.stringify(arn)}, but must be ${error.details.expected}`)
  }
  const ofArn = regionOf(arn)
  if (region !== undefined && region !== ofArn) {
    throw usageError(`--region is ${region}, but the stream of --arn is in ${ofArn}: leave --region out`)
  }
}

function checkEndpoint(endpoint: string): void {
  const protocol = URL.canParse(endpoint) ? new URL(endpoint).protocol : undefined
  if (protocol === 'http:' || protocol === 'https:') return
  // Not quoted: it may hold a password.
  throw usageError('--endpoint must be a URL such as http://localhost:8000')
}

function textOf(given: Given, name: string): string | undefined {
  const value = given[name]
  if (value === '') throw usageError(`--${name} needs a value`)
  return typeof value === 'string' ? value : undefined
}

function numberOf(given: Given, name: string, min: number, max: number): number | undefined {
  const text = textOf(given, name)
  if (text === undefined) return undefined
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`
  throw usageError(`--${name} is ${JSON.stringify(text)}, but must be a whole number ${range}`)
}

/** One of the words; the first is the default. */
function oneOf<const Word extends string>(
  given: Given,
  name: string,
  words: readonly [Word, ...Word[]],
): Word {
  const text = textOf(given, name)
  if (text === undefined) return words[0]
  const word = words.find((known) => known === text)
  if (word !== undefined) return word
  throw usageError(`--${name} is ${JSON.stringify(text)}, but must be ${words.join(' or ')}`)
}
