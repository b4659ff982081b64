import { readFileSync } from 'node:fs'
import { type CommandName, commandSpecs, type OptionSpec } from './command-specs.ts'
import { type ExitCodeMeanings, exitCodeMeanings } from './errors.ts'
import { noBreak, wrapText } from './text.ts'

const COLUMNS = 80

export function generalHelp(): string {
  return joinLines([
    'Read DynamoDB Streams in order, without losing a record.',
    '',
    'Usage: dynamodb-stream-iterator COMMAND [options]',
    '',
    'Commands:',
    ...table(Object.entries(commandSpecs).map(([name, { summary }]) => [name, summary])),
    '',
    'dynamodb-stream-iterator COMMAND --help shows the options of a command;',
    'dynamodb-stream-iterator --version shows the version.',
    '',
    ...exitCodeHelp(exitCodeMeanings),
  ])
}

export function commandHelp(name: CommandName): string {
  const { summary, usage, notes, options, exitCodes } = commandSpecs[name]
  return joinLines([
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.`,
    '',
    `Usage: ${usage}`,
    '',
    'Options:',
    ...table(Object.entries(options).map(([option, spec]) => [optionLabel(option, spec), spec.help])),
    '',
    ...wrapText(notes, COLUMNS),
    '',
    ...exitCodeHelp(exitCodes),
  ])
}

/** Returns the version of the package. Its manifest is two folders above this file, in `src` as in `dist`. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(Reflect.get(manifest as object, 'version'))
}

function optionLabel(name: string, { value, short }: OptionSpec): string {
  return `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`
}

function exitCodeHelp(meanings: ExitCodeMeanings): string[] {
  return ['Exit codes:', ...table(meanings.map(([code, meaning]) => [String(code), meaning]))]
}

/** Formats two columns, and wraps the second one. */
function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.flatMap(([label, text]) =>
    wrapText(`${noBreak(`  ${label.padEnd(width)}  `)}${text}`, COLUMNS, width + 4),
  )
}

function joinLines(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}
