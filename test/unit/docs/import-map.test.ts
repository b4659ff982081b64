import { dirname } from 'node:path/posix'
import { describe, expect, it } from 'vitest'
import { findCycles } from './cycles.ts'
import { type Import, importsOf, listSources, readSource } from './sources.ts'

const STREAMS_CLIENT = '@aws-sdk/client-dynamodb-streams'

const files = new Map<string, Import[]>(
  listSources('src').map((path) => [path, importsOf(path, readSource(path))]),
)

/** Returns `core/` for `src/core/clock.ts`, and `index.ts` for `src/index.ts`. */
function folderOf(path: string): string {
  const [, name = '', file] = path.split('/')
  return file === undefined ? name : `${name}/`
}

interface Row {
  readonly imports: string[]
  readonly streamsClient: string
}

/** Returns the import map according to the sources. */
function actualRows(): Map<string, Row> {
  const rows = new Map<string, Row>()
  for (const folder of new Set([...files.keys()].map(folderOf))) {
    const imports = [...files].flatMap(([path, found]) => (folderOf(path) === folder ? found : []))
    const folders = imports.flatMap(({ target }) => (files.has(target) ? folderOf(target) : []))
    const client = imports.filter(({ target }) => target === STREAMS_CLIENT)
    rows.set(folder, {
      imports: [...new Set(folders)].filter((other) => other !== folder).sort(),
      streamsClient: client.some(({ isTypeOnly }) => !isTypeOnly) ? 'yes' : client.length > 0 ? 'types' : '',
    })
  }
  return rows
}

/** Returns the import map according to the table in ARCHITECTURE.md. */
function documentedRows(): Map<string, Row> {
  const section = readSource('ARCHITECTURE.md').split('## Modules')[1]?.split('\n## ')[0] ?? ''
  const rows = new Map<string, Row>()
  for (const line of section.split('\n')) {
    const [, folder, , imports = '', streamsClient = ''] = line.split('|').map((cell) => cell.trim())
    const name = /^`(.+)`$/.exec(folder ?? '')?.[1]
    if (name === undefined) continue
    rows.set(name, {
      imports: [...imports.matchAll(/`(.+?)`/g)].map(([, other]) => other ?? ''),
      streamsClient,
    })
  }
  return rows
}

describe('the import map of ARCHITECTURE.md', () => {
  it('the import map names exactly the folders that each folder imports', () => {
    expect(Object.fromEntries(documentedRows())).toEqual(Object.fromEntries(actualRows()))
  })
})

describe('the sources', () => {
  it('the sources import only files that exist', () => {
    const missing = [...files].flatMap(([path, imports]) =>
      imports
        .filter(({ target }) => target.startsWith('src/') && !files.has(target))
        .map(({ target }) => [path, target]),
    )
    expect(missing).toEqual([])
  })

  it('there is no import cycle between files, including type imports', () => {
    const graph = [...files].map(([path, imports]) => [path, imports.map(({ target }) => target)] as const)
    expect(findCycles(new Map(graph))).toEqual([])
  })

  it('there is no import cycle between the folders of src', () => {
    const graph = [...actualRows()].map(([folder, { imports }]) => [folder, imports] as const)
    expect(findCycles(new Map(graph))).toEqual([])
  })

  it('there is no import cycle between the folders of src/testing, at any depth', () => {
    const graph = new Map<string, string[]>()
    for (const [path, imports] of files) {
      if (!path.startsWith('src/testing/')) continue
      const targets = imports
        .map(({ target }) => dirname(target))
        .filter((folder) => folder !== dirname(path))
      graph.set(dirname(path), [...(graph.get(dirname(path)) ?? []), ...targets])
    }
    expect(graph.size).toBeGreaterThan(5)
    expect(findCycles(graph)).toEqual([])
  })
})

describe('the functions of the check', () => {
  it('importsOf() finds static, dynamic, type-only and re-exported imports', () => {
    const source = `
      import type { A } from './a.ts'
      import { type B } from './b.ts'
      import { type C, c } from './c.ts'
      export type { D } from './d.ts'
      export * from '../e.ts'
      import './f.ts'
      import * as g from 'g'
      type H = import('./h.ts').H
      const i = await import('./i.ts')
      const text = "import './no.ts'"`
    expect(importsOf('src/x/file.ts', source)).toEqual([
      { target: 'src/x/a.ts', isTypeOnly: true },
      { target: 'src/x/b.ts', isTypeOnly: true },
      { target: 'src/x/c.ts', isTypeOnly: false },
      { target: 'src/x/d.ts', isTypeOnly: true },
      { target: 'src/e.ts', isTypeOnly: false },
      { target: 'src/x/f.ts', isTypeOnly: false },
      { target: 'g', isTypeOnly: false },
      { target: 'src/x/h.ts', isTypeOnly: true },
      { target: 'src/x/i.ts', isTypeOnly: false },
    ])
  })

  it('findCycles() finds every cycle of a graph, and nothing else', () => {
    const graph = new Map([
      ['a', ['b', 'x']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', ['e']],
      ['e', ['d', 'f']],
      ['f', ['f']],
      ['g', ['a', 'f']],
    ])
    expect(findCycles(graph).sort()).toEqual([['a', 'b', 'c'], ['d', 'e'], ['f']])
  })
})
