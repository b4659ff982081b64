import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { mutants } from './mutant-list.ts'
import { mutate } from './mutants/mutant.ts'
import { stagesFor } from './mutants/stages.ts'

describe('mutants', () => {
  it.each(mutants)('the mutant "$name" applies to $file', (mutant) => {
    expect(mutate(readFileSync(mutant.file, 'utf8'), mutant)).toBeDefined()
  })

  // A mutant that does not compile would be killed by every test, whether or not a test checks that code.
  it.each(mutants)('the mutant "$name" of $file is valid TypeScript', (mutant) => {
    const source = mutate(readFileSync(mutant.file, 'utf8'), mutant) ?? ''
    const { diagnostics } = ts.transpileModule(source, { reportDiagnostics: true })
    expect(diagnostics?.map(({ messageText }) => messageText)).toEqual([])
  })

  it('the unit tests closest to every mutant exist', () => {
    for (const { file } of mutants) expect(stagesFor(file).length, file).toBeGreaterThan(1)
  })

  it('every mutant has a name that is unique in its file', () => {
    const names = mutants.map(({ file, name }) => `${file}: ${name}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it('no two mutants make the same change', () => {
    const changes = mutants.map(({ file, from, to }) => JSON.stringify([file, from, to]))
    expect(changes.filter((change, index) => changes.indexOf(change) !== index)).toEqual([])
  })
})
