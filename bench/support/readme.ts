import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { formatTable, type Machine, type Table } from './report.ts'
import { targetTable } from './targets.ts'

interface Result {
  readonly name: string
  readonly quick: boolean
  readonly at: string
  readonly machine: Machine
  readonly tables: readonly Table[]
  readonly data: unknown
}

const results = new URL('../results/', import.meta.url)
const readme = new URL('../README.md', import.meta.url)

/**
 * Writes the results in `bench/results/` to `bench/README.md`, each with the date, the commit and the
 * machine. Sections of benchmarks without a result are kept.
 */
export function writeReadme(order: readonly string[]): void {
  const measured = readdirSync(results)
    .filter((file) => file.endsWith('.json'))
    .map((file): Result => JSON.parse(readFileSync(new URL(file, results), 'utf8')))
    .filter(({ quick }) => !quick)
  const [before = '', previous = ''] = readFileSync(readme, 'utf8').split(mark)
  const sections = order.map((name) => {
    const result = measured.find((one) => one.name === name)
    return result ? sectionOf(result) : previousSection(previous, name)
  })
  const data = Object.fromEntries(measured.map((result) => [result.name, result.data]))
  const targets = formatTable(keepPrevious(targetTable(data), previous))
  writeFileSync(readme, `${before}${mark}\n\n${targets}\n\n${sections.join('')}`.trimEnd().concat('\n'))
}

const mark = '<!-- results -->'

function sectionOf({ tables, at, machine }: Result): string {
  const where = `${machine.cores} cores of ${machine.cpu}, Node ${machine.node}, load ${machine.load}`
  const source = `<sub>${at.slice(0, 10)}, commit ${machine.commit}, ${where}</sub>`
  return [...tables.map(formatTable), source].map((part) => `${part}\n\n`).join('')
}

/** The tables of a benchmark on the page. Their titles start with its name. */
function previousSection(page: string, name: string): string {
  return page
    .split(/^(?=### )/m)
    .filter((table) => table.startsWith(`### ${name}:`))
    .map((table) => `${table.trimEnd()}\n\n`)
    .join('')
}

/** Keeps the figures on the page that were not measured this time. */
function keepPrevious(table: Table, page: string): Table {
  const cellsOf = (line: string) => line.split('|').map((cell) => cell.trim())
  const previous = new Map(page.split('\n').map((line) => [cellsOf(line)[1], cellsOf(line)[3]]))
  const rows = table.rows.map((row) => {
    const [what = '', target = '', figure = ''] = row
    return [what, target, String(figure).startsWith('–') ? (previous.get(String(what)) ?? figure) : figure]
  })
  return { ...table, rows }
}
