// Checks what will be published: the tarball by publint and arethetypeswrong, the tree by knip and size-limit.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packInto } from './pack.mjs'

const folder = mkdtempSync(join(tmpdir(), 'package-'))
/** @type {string[]} */
const failed = []
try {
  const tarball = packInto(folder)
  check('publint', 'run', tarball, '--strict')
  check('attw', tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color')
  check('knip', '--no-progress', '--treat-config-hints-as-errors')
  check('size-limit')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
// Everybody installs from the registry that their npm is set to.
if (/"resolved":\s*"/.test(readFileSync('package-lock.json', 'utf8'))) {
  console.error(
    'package-lock.json names a registry host: install with omit-lockfile-registry-resolved, as .npmrc says.',
  )
  failed.push('package-lock.json')
}
if (failed.length > 0) {
  console.error(`\nThe package is not in order: see ${failed.join(', ')} above.`)
  process.exitCode = 1
}

/**
 * @param {string} tool
 * @param {string[]} args
 */
function check(tool, ...args) {
  console.log(`\n> ${tool}`)
  const { status, error } = spawnSync('npx', ['--no-install', tool, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) console.error(error.message)
  if (status !== 0) failed.push(tool)
}
