import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')

/** The rows of the tables of promises, which come before the comparison: their cells, without the heads. */
const rows = (read('docs/internals/invariants.md').split('## Does it bite?')[0] as string)
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))
  .filter((cells) => cells.at(-1) !== 'would break it')

/** What a cell names: each function or title with the file before it. */
function named(cell: string): { file: string; name: string }[] {
  const found: { file: string; name: string }[] = []
  let file = ''
  for (const [, code, title] of cell.matchAll(/`([^`]+)`|“([^”]+)”/g)) {
    if (code?.includes('/')) file = code
    else found.push({ file, name: (code ?? title) as string })
  }
  return found
}

describe('docs/internals/invariants.md', () => {
  it('has all 26 promises, each with code and a test', () => {
    const numbers = rows.map(([number]) => Number(number)).filter((number) => !Number.isNaN(number))
    expect(numbers).toEqual(Array.from({ length: 26 }, (_, index) => index + 1))
    for (const cells of rows) {
      const [keptBy = '', broken = ''] = cells.slice(-2)
      expect(named(keptBy).length, cells[0]).toBeGreaterThan(0)
      expect(named(broken).length, cells[0]).toBeGreaterThan(0)
    }
  })

  it('names functions and tests that are there', () => {
    const missing = rows
      .flatMap((cells) => cells.slice(-2).flatMap(named))
      .filter(({ file, name }) => !read(file).includes(name))
    expect(missing).toEqual([])
  })
})
