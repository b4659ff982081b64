import { parseArgs } from 'node:util'
import { isStreamError } from '../core/errors.ts'
import { nearestName } from '../core/options.ts'
import { checkStreamArn, regionOf } from '../core/stream-arn.ts'
import { type CommandName, commandSpecs, isCommandName, type OptionSpec } from './command-specs.ts'
import { type CliError, usageError } from './errors.ts'
import { checkEndpoint, integerOf, oneOf, stringOf, type Values } from './option-values.ts'
import { keyHashPattern } from './parked-key.ts'
import { type ParkedOptions, parkedOptions } from './parked-options.ts'
import { type RedriveOptions, redriveOptions } from './redrive-options.ts'

/** The stream to read, and how to connect to the service. */
export interface SourceOptions {
  readonly table: string | undefined
  readonly arn: string | undefined
  readonly endpoint: string | undefined
  readonly region: string | undefined
  readonly timeoutMs: number
}

export interface TailOptions extends SourceOptions {
  readonly from: string
  /** Whether `--from` was set explicitly. */
  readonly isFromExplicit: boolean
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

/** The parsed command line. */
export type Request =
  | { readonly command: 'help'; readonly of: CommandName | undefined }
  | { readonly command: 'version' }
  | { readonly command: 'tail'; readonly options: TailOptions }
  | { readonly command: 'shards'; readonly options: ShardsOptions }
  | { readonly command: 'lag'; readonly options: LagOptions }
  | { readonly command: 'redrive'; readonly options: RedriveOptions }
  | { readonly command: 'parked'; readonly options: ParkedOptions }
  | { readonly command: 'demo'; readonly options: { readonly local: boolean } }

/**
 * Parses the command line, without any I/O.
 *
 * @throws CliError `usage`
 */
export function parseArguments(args: readonly string[]): Request {
  const [name, ...rest] = args
  if (name === undefined) throw usageError('Missing command. See dynamodb-stream-iterator --help')
  if (isHelp(name)) return helpRequest(rest[0])
  if (name === '--version' || name === '-v') return { command: 'version' }
  if (!isCommandName(name)) throw unknownCommand(name)
  const { values, positionals } = parseOptions(name, rest)
  if (values.help === true) return { command: 'help', of: name }
  if (values.version === true) return { command: 'version' }
  return toRequest(name, values, positionals)
}

function toRequest(command: CommandName, values: Values, positionals: readonly string[]): Request {
  switch (command) {
    case 'tail':
      return { command, options: tailOptions(values) }
    case 'shards':
      return { command, options: { ...sourceOptions(values), json: values.json === true } }
    case 'lag':
      return { command, options: lagOptions(values) }
    case 'redrive':
      return { command, options: redriveOptions(values) }
    case 'parked':
      return { command, options: parkedOptions(values, positionals) }
    case 'demo':
      return { command, options: { local: values.local === true } }
  }
}

function isHelp(name: string): boolean {
  return name === '--help' || name === '-h' || name === 'help'
}

function helpRequest(name: string | undefined): Request {
  if (name === undefined || isHelp(name)) return { command: 'help', of: undefined }
  if (!isCommandName(name)) throw unknownCommand(name)
  return { command: 'help', of: name }
}

function unknownCommand(name: string): CliError {
  const names = Object.keys(commandSpecs)
  if (name.startsWith('-')) return usageError(`Unknown option ${name}. The commands are ${names.join(', ')}`)
  const near = nearestName(name, names)
  const hint = near === undefined ? `. The commands are ${names.join(', ')}` : `; did you mean ${near}?`
  return usageError(`Unknown command ${name}${hint}`)
}

interface ParsedOptions {
  readonly values: Values
  /** The arguments that are not options. */
  readonly positionals: readonly string[]
}

function parseOptions(command: CommandName, args: readonly string[]): ParsedOptions {
  const { options: ownSpecs, acceptsKeys = false } = commandSpecs[command]
  const specs: Readonly<Record<string, OptionSpec>> = { ...ownSpecs, version: { help: '' } }
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value, short }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short && { short }) } as const,
    ]),
  )
  // The hash of a key can start with a hyphen.
  const hashes = acceptsKeys ? args.filter((arg) => arg.startsWith('-') && keyHashPattern.test(arg)) : []
  const others = args.filter((arg) => !hashes.includes(arg))
  // Not strict, because its error messages address programmers.
  const { values, tokens, positionals } = parseArgs({ args: others, options, strict: false, tokens: true })
  const seen = new Set<string>()
  for (const token of tokens) {
    if (acceptsKeys && token.kind === 'positional') continue
    const problem = findProblem(token, specs) ?? findRepetition(token, specs, seen)
    if (problem === undefined) continue
    const see = problem.endsWith('?') ? '' : `. See dynamodb-stream-iterator ${command} --help`
    throw usageError(`${problem}${see}`)
  }
  return { values, positionals: [...positionals, ...hashes] }
}

/** A token as returned by `parseArgs`. */
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

function findProblem(token: Token, specs: Readonly<Record<string, OptionSpec>>): string | undefined {
  if (token.kind === 'positional') return `Unexpected argument ${JSON.stringify(token.value)}`
  if (token.kind !== 'option') return undefined
  const { name, rawName, value, inlineValue } = token
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
  if (spec === undefined) {
    const near = rawName.startsWith('--') ? nearestName(name, Object.keys(specs)) : undefined
    return `Unknown option ${rawName}${near === undefined ? '' : `; did you mean --${near}?`}`
  }
  if (spec.value === undefined) return value === undefined ? undefined : `${rawName} does not accept a value`
  if (value === undefined) return `${rawName} requires a value`
  // The value is probably another option, unless it is a negative number.
  if (!inlineValue && /^-\D/.test(value)) return `${rawName} requires a value, but is followed by ${value}`
  return undefined
}

/** Of two values, the first one would be ignored. A flag may be repeated. */
function findRepetition(
  token: Token,
  specs: Readonly<Record<string, OptionSpec>>,
  seen: Set<string>,
): string | undefined {
  if (token.kind !== 'option' || specs[token.name]?.value === undefined) return undefined
  if (seen.has(token.name)) return `${token.rawName} is set more than once`
  seen.add(token.name)
  return undefined
}

function tailOptions(values: Values): TailOptions {
  const follow = values['no-follow'] !== true
  return {
    ...sourceOptions(values),
    from: stringOf(values, 'from') ?? (follow ? 'latest' : 'trim_horizon'),
    isFromExplicit: values.from !== undefined,
    checkpoint: stringOf(values, 'checkpoint'),
    format: oneOf(values, 'format', ['json', 'pretty']),
    follow,
    limit: integerOf(values, 'limit', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
    onGap: oneOf(values, 'on-gap', ['stop', 'continue']) === 'stop' ? 'throw' : 'continue',
  }
}

function lagOptions(values: Values): LagOptions {
  if (values.checkpoint !== undefined && values.from !== undefined) {
    throw usageError('Use either --checkpoint or --from, not both')
  }
  return {
    ...sourceOptions(values),
    from: stringOf(values, 'from') ?? 'trim_horizon',
    checkpoint: stringOf(values, 'checkpoint'),
    json: values.json === true,
  }
}

function sourceOptions(values: Values): SourceOptions {
  const table = stringOf(values, 'table')
  const arn = stringOf(values, 'arn')
  const endpoint = stringOf(values, 'endpoint')
  const region = stringOf(values, 'region')
  if (table === undefined && arn === undefined) {
    throw usageError('Missing stream: use --table NAME or --arn ARN')
  }
  if (table !== undefined && arn !== undefined) throw usageError('Use either --table or --arn, not both')
  if (arn !== undefined) checkArn(arn, endpoint === undefined ? region : undefined)
  if (endpoint !== undefined) checkEndpoint(endpoint)
  const timeoutMs = (integerOf(values, 'timeout', 1, 3_600) ?? 10) * 1_000
  return { table, arn, endpoint, region, timeoutMs }
}

function checkArn(arn: string, region: string | undefined): void {
  try {
    checkStreamArn(arn)
  } catch (error) {
    if (!isStreamError(error, 'options.invalid')) throw error
    throw usageError(`--arn is ${JSON.stringify(arn)}, but must be ${error.details.expected}`)
  }
  const regionOfArn = regionOf(arn)
  if (region !== undefined && region !== regionOfArn) {
    const actual = regionOfArn ?? 'an emulator'
    throw usageError(`--region is ${region}, but the stream of --arn is in ${actual}: omit --region`)
  }
}
