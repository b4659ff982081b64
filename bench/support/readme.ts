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

/** Puts the results that lie in `bench/results/` into `bench/README.md`, each with when and where it was measured. */
export function writeReadme(order: readonly string[]): void {
  const all = readdirSync(results)
    .filter((file) => file.endsWith('.json'))
    .map((file): Result => JSON.parse(readFileSync(new URL(file, results), 'utf8')))
    .filter(({ quick }) => !quick)
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  const sections = all.flatMap(({ tables, at, machine }) => [
    ...tables.map((table) => `${formatTable(table)}\n`),
    `<sub>${at.slice(0, 10)}, commit ${machine.commit}, ${machine.cores} cores of ${machine.cpu}, Node ${machine.node}, load ${machine.load}</sub>\n`,
  ])
  const targets = formatTable(targetTable(Object.fromEntries(all.map(({ name, data }) => [name, data]))))
  const text = readFileSync(readme, 'utf8')
  const [before = ''] = text.split('<!-- results -->')
  writeFileSync(readme, `${before}<!-- results -->\n\n${[`${targets}\n`, ...sections].join('\n')}`)
}
