import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import type { Spread } from './rounds.ts'

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

/** The result of a benchmark. */
export interface Report {
  readonly tables: readonly Table[]
  /** All measurements, for the JSON file. */
  readonly data: unknown
  /** A chart of the result as SVG, for bench/README.md and the README. */
  readonly chart?: string | undefined
}

export interface BenchOptions {
  /** Uses fewer records and rounds, to check that a benchmark works. The figures are not meaningful. */
  readonly quick: boolean
}

export type Bench = (options: BenchOptions) => Promise<Report>

/**
 * Prints the tables as Markdown, and writes the result to `bench/results/<name>.json` and the chart to
 * `bench/<name>.svg`.
 */
export function publish(name: string, report: Report, options: BenchOptions): void {
  for (const table of report.tables) process.stdout.write(`\n${formatTable(table)}\n`)
  const folder = new URL('../results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const { tables, data } = report
  const result = {
    name,
    quick: options.quick,
    at: new Date().toISOString(),
    machine: machine(),
    tables,
    data,
  }
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(result, null, 2)}\n`)
  if (report.chart && !options.quick) writeFileSync(new URL(`../${name}.svg`, folder), report.chart)
}

export function formatTable({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows].map((row) => row.map(String))
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const [head = [], ...body] = cells
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [`### ${title}`, '', line(head), rule, ...body.map(line)].join('\n')
}

/** Formats the median with `digits` significant digits, followed by the range if it is wider than 2 %. */
export function show(value: Spread | number, digits = 3): string {
  if (typeof value === 'number') return round(value, digits)
  const { median, min, max } = value
  return max - min > 0.02 * Math.abs(median)
    ? `${round(median, digits)} (${round(min, digits)}–${round(max, digits)})`
    : round(median, digits)
}

function round(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '–'
  const text = Math.abs(value) >= 10 ** (digits - 1) ? Math.round(value) : Number(value.toPrecision(digits))
  return text.toLocaleString('en')
}

export interface Machine {
  readonly cpu: string | undefined
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
  readonly platform: string
  /** The load average over five minutes. */
  readonly load: string
  readonly commit: string
}

function machine(): Machine {
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    load: (loadavg()[1] ?? Number.NaN).toFixed(1),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  }
}
