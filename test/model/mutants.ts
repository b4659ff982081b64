import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Mutant, mutants, mutate } from './mutant-list.ts'

const HISTORIES = 2_000

/**
 * Breaks the library on purpose, one way after the other, in a copy of the tree, and lets the model test find it:
 * `npx tsx test/model/mutants.ts [part of a name]`. A mutant that lives is a hole in the model test.
 */
function findMutant(mutant: Mutant): string {
  const folder = mkdtempSync(join(tmpdir(), 'mutant-'))
  try {
    for (const part of ['src', 'test/model', 'package.json', 'tsconfig.json']) {
      cpSync(part, join(folder, part), { recursive: true })
    }
    symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
    const path = join(folder, mutant.file)
    const mutated = mutate(readFileSync(path, 'utf8'), mutant)
    if (mutated === undefined) return 'does not fit the source any more: bring it up to date'
    writeFileSync(path, mutated)
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'test/model/soak.ts', '--histories', String(HISTORIES), '--quick'],
      { cwd: folder, encoding: 'utf8' },
    )
    const found = /broken after .*/.exec(stdout)?.[0]
    if (found) return found
    return status === 0 ? `LIVES: not found in ${HISTORIES} histories` : `broke down: ${stderr.slice(-400)}`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const only = process.argv[2] ?? ''
for (const mutant of mutants.filter(({ name }) => name.includes(only))) {
  const result = findMutant(mutant)
  if (!result.startsWith('broken after')) process.exitCode = 1
  process.stdout.write(`${mutant.name}\n    ${result}\n`)
}
