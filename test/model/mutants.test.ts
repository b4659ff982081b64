import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mutants } from './mutant-list.ts'
import { mutate } from './mutants/mutant.ts'

describe('mutants', () => {
  it.each(mutants)('the mutant "$name" applies to $file', (mutant) => {
    expect(mutate(readFileSync(mutant.file, 'utf8'), mutant)).toBeDefined()
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
