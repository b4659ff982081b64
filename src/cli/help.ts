import { readFileSync } from 'node:fs'
import { type CommandName, commands, type OptionSpec } from './commands.ts'
import { exitCodeMeanings } from './exit-codes.ts'

export function generalHelp(): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, [summary]] as const)
  return lines([
    'Reads DynamoDB Streams in order, without losing a record.',
    '',
    'Usage: dynamodb-stream-iterator COMMAND [options]',
    '',
    ...columns(rows),
    '',
    'dynamodb-stream-iterator COMMAND --help shows the options of a command; --version the version.',
    '',
    ...exitCodeHelp(),
  ])
}

export function commandHelp(name: CommandName): string {
  const { summary, usage, notes, options } = commands[name]
  return lines([
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.`,
    '',
    `Usage: ${usage}`,
    '',
    ...columns(Object.entries(options).map(([option, spec]) => [optionLabel(option, spec), spec.help])),
    '',
    ...notes,
    '',
    ...exitCodeHelp(),
  ])
}

/** The version of the package, which lies two folders above this file, in the sources and when built. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(Reflect.get(manifest as object, 'version'))
}

function optionLabel(name: string, { value, short }: OptionSpec): string {
  return `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`
}

function exitCodeHelp(): string[] {
  return ['Exit codes:', ...columns(exitCodeMeanings.map(([code, meaning]) => [String(code), [meaning]]))]
}

function columns(rows: readonly (readonly [string, readonly string[]])[]): string[] {
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.flatMap(([label, texts]) =>
    texts.map((text, index) => `  ${(index === 0 ? label : '').padEnd(width)}  ${text}`),
  )
}

function lines(texts: readonly string[]): string {
  return `${texts.join('\n')}\n`
}
