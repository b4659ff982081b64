import { describe, expect, it } from 'vitest'
import { declaredIn, listSources, readSource, testTitlesIn } from './sources.ts'

/** A name in a table cell, such as `file` `name` · `name`, or “title” for a test. The last file applies. */
interface Reference {
  readonly file: string
  readonly name: string
}

function referencesIn(cell: string): Reference[] {
  const found: Reference[] = []
  let file = ''
  for (const [, code, title] of cell.matchAll(/`([^`]+)`|“([^”]+)”/g)) {
    if (code?.includes('/')) file = code
    else found.push({ file, name: code ?? title ?? '' })
  }
  return found
}

/** Returns the cells of the rows of all tables in a Markdown document, without the header rows. */
function rowsOf(markdown: string): string[][] {
  const lines = markdown.split('\n')
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

/** Returns the references whose file declares no function with that name, or has no test with that title. */
function unresolved(references: readonly Reference[]): Reference[] {
  return [...new Set(references.map(({ file }) => file))].flatMap((file) => {
    const source = file === '' ? '' : readSource(file)
    const defined = file.startsWith('src/') ? declaredIn(file, source) : testTitlesIn(file, source)
    return references.filter((other) => other.file === file && !defined.has(other.name))
  })
}

describe('docs/internals/invariants.md', () => {
  const [guarantees = ''] = readSource('docs/internals/invariants.md').split(
    '\n## Compared with a hand-written reader',
  )
  const rows = rowsOf(guarantees)

  it('invariants.md lists 26 numbered guarantees, each with code and a test', () => {
    const numbers = rows.flatMap(([number = '']) => (/^\d+$/.test(number) ? Number(number) : []))
    expect(numbers).toEqual(Array.from({ length: 26 }, (_, index) => index + 1))
    for (const cells of rows) {
      const [code = '', tests = ''] = cells.slice(-2)
      expect(referencesIn(code).length, cells[0]).toBeGreaterThan(0)
      expect(referencesIn(tests).length, cells[0]).toBeGreaterThan(0)
    }
  })

  it('invariants.md names only functions and tests that exist in the file that it names', {
    timeout: 300_000,
  }, () => {
    expect(unresolved(rows.flatMap((cells) => cells.slice(-2).flatMap(referencesIn)))).toEqual([])
  })
})

describe('ARCHITECTURE.md', () => {
  it('the overview of ARCHITECTURE.md shows every exported class of the engine, the stream, the checkpoints and the processing layer', () => {
    const overview = sectionOf('ARCHITECTURE.md', 'Overview')
    const classes = [
      'checkpoints',
      'coordinator',
      'core',
      'merge',
      'processing',
      'reader',
      'records',
      'shards',
      'stream',
      'wire',
    ]
      .flatMap((folder) => listSources(`src/${folder}`))
      .flatMap((path) => [...readSource(path).matchAll(/^export class (\w+)/gm)].map(([, name = '']) => name))
    expect(classes.length).toBeGreaterThan(20)
    expect(classes.filter((name) => !new RegExp(`\\b${name}\\b`).test(overview))).toEqual([])
  })

  it.each(['Life of a record', 'What to change where'])(
    'the section "%s" of ARCHITECTURE.md names only functions that exist in the file that it names',
    (heading) => {
      const references = rowsOf(sectionOf('ARCHITECTURE.md', heading)).flatMap((cells) =>
        cells.flatMap(referencesIn),
      )
      const inFiles = references.filter(({ file }) => file !== '')
      expect(inFiles.length).toBeGreaterThan(20)
      expect(unresolved(inFiles)).toEqual([])
    },
  )

  it('ARCHITECTURE.md names only members that classes and interfaces of the sources have', {
    timeout: 300_000,
  }, () => {
    const declared = new Set(listSources('src').flatMap((path) => [...declaredIn(path, readSource(path))]))
    const spans = [...sectionOf('ARCHITECTURE.md', 'Non-obvious invariants').matchAll(/`([A-Z]\w+\.#?\w+)`/g)]
    const members = spans.map(([, member = '']) => member)
    expect(members.length).toBeGreaterThan(10)
    expect(members.filter((member) => !declared.has(member))).toEqual([])
  })
})

describe('the functions of the check', () => {
  const source = `
    const text = 'function inText() {}'
    export function declared() { called(); this.#alsoCalled() }
    class Box { get size() { return 0 } #hidden() {} field = 1 }
    it('is a title', () => {})
    it.each([1])('is a title with %s', { timeout: 1 }, () => { expect('is not a title').toBe('') })`

  it('declaredIn() finds definitions, but neither calls nor words in strings', () => {
    expect([...declaredIn('file.ts', source)].sort()).toEqual(
      ['text', 'declared', 'Box', 'size', '#hidden', 'Box.size', 'Box.#hidden', 'Box.field'].sort(),
    )
  })

  it('testTitlesIn() finds titles of tests, but no other strings', () => {
    expect([...testTitlesIn('file.test.ts', source)]).toEqual(['is a title', 'is a title with %s'])
  })
})
