import { describe, expect, it } from 'vitest'
import { declaredIn, listSources, readSource, testTitlesIn } from './sources.ts'

/** What a cell of a table names: `file` `name` · `name`, or “title” for a test. A file stands for the names after it. */
interface Named {
  readonly file: string
  readonly name: string
}

function namedIn(cell: string): Named[] {
  const found: Named[] = []
  let file = ''
  for (const [, code, title] of cell.matchAll(/`([^`]+)`|“([^”]+)”/g)) {
    if (code?.includes('/')) file = code
    else found.push({ file, name: code ?? title ?? '' })
  }
  return found
}

/** The cells of the rows of all tables in a text, without the heads. */
function rowsOf(text: string): string[][] {
  const lines = text.split('\n')
  return lines.flatMap((line, index) => {
    const isRow = line.startsWith('| ') && !line.startsWith('| ---') && !lines[index + 1]?.startsWith('| ---')
    return isRow ? [line.slice(2, -2).split(' | ')] : []
  })
}

function sectionOf(path: string, heading: string): string {
  const section = readSource(path).split(`\n## ${heading}\n`)[1]?.split('\n## ')[0]
  if (section === undefined) throw new Error(`${path} has no section "${heading}"`)
  return section
}

/** Those that are not defined: no function of that name in the file, or no test of that title. */
function undefinedAmong(named: readonly Named[]): Named[] {
  return [...new Set(named.map(({ file }) => file))].flatMap((file) => {
    const text = file === '' ? '' : readSource(file)
    const defined = file.startsWith('src/') ? declaredIn(file, text) : testTitlesIn(file, text)
    return named.filter((other) => other.file === file && !defined.has(other.name))
  })
}

describe('docs/internals/invariants.md', () => {
  const [guarantees = ''] = readSource('docs/internals/invariants.md').split(
    '\n## Compared with a hand-written reader',
  )
  const rows = rowsOf(guarantees)

  it('lists 26 numbered guarantees, each with code and a test', () => {
    const numbers = rows.flatMap(([number = '']) => (/^\d+$/.test(number) ? Number(number) : []))
    expect(numbers).toEqual(Array.from({ length: 26 }, (_, index) => index + 1))
    for (const cells of rows) {
      const [keptBy = '', broken = ''] = cells.slice(-2)
      expect(namedIn(keptBy).length, cells[0]).toBeGreaterThan(0)
      expect(namedIn(broken).length, cells[0]).toBeGreaterThan(0)
    }
  })

  it('names only functions and tests that are defined in the file that it names', {
    timeout: 300_000,
  }, () => {
    expect(undefinedAmong(rows.flatMap((cells) => cells.slice(-2).flatMap(namedIn)))).toEqual([])
  })
})

describe('ARCHITECTURE.md', () => {
  it.each(['Life of a record', 'What to change where'])(
    'names only functions that are defined in the file that it names: %s',
    (heading) => {
      const named = rowsOf(sectionOf('ARCHITECTURE.md', heading)).flatMap((cells) => cells.flatMap(namedIn))
      const inFiles = named.filter(({ file }) => file !== '')
      expect(inFiles.length).toBeGreaterThan(20)
      expect(undefinedAmong(inFiles)).toEqual([])
    },
  )

  it('names only members that classes and interfaces of the sources have', { timeout: 300_000 }, () => {
    const declared = new Set(listSources('src').flatMap((path) => [...declaredIn(path, readSource(path))]))
    const spans = [...sectionOf('ARCHITECTURE.md', 'Non-obvious invariants').matchAll(/`([A-Z]\w+\.#?\w+)`/g)]
    const members = spans.map(([, member = '']) => member)
    expect(members.length).toBeGreaterThan(10)
    expect(members.filter((member) => !declared.has(member))).toEqual([])
  })
})

describe('the check itself', () => {
  const source = `
    const text = 'function inText() {}'
    export function declared() { called(); this.#alsoCalled() }
    class Box { get size() { return 0 } #hidden() {} field = 1 }
    it('is a title', () => {})
    it.each([1])('is a title with %s', { timeout: 1 }, () => { expect('is no title').toBe('') })`

  it('finds definitions, and neither calls nor words in strings', () => {
    expect([...declaredIn('file.ts', source)].sort()).toEqual(
      ['text', 'declared', 'Box', 'size', '#hidden', 'Box.size', 'Box.#hidden', 'Box.field'].sort(),
    )
  })

  it('finds titles of tests, and no other strings', () => {
    expect([...testTitlesIn('file.test.ts', source)]).toEqual(['is a title', 'is a title with %s'])
  })
})
