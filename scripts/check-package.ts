// Builds the package, and checks what will be published: the tarball with publint and arethetypeswrong, the
// tree with knip and size-limit, and the public surface against its reports in docs/api.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packInto } from './pack.ts'

const folder = mkdtempSync(join(tmpdir(), 'package-'))
const failed: string[] = []
try {
  const { tarball, dist } = packInto(folder)
  rmSync('dist', { recursive: true, force: true })
  cpSync(dist, 'dist', { recursive: true })
  check('publint', 'run', tarball, '--strict')
  check('attw', tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color')
  check('knip', '--no-progress', '--treat-config-hints-as-errors')
  check('size-limit')
  check('tsx', 'scripts/api-report.ts', '--check')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
// The lockfile must not name a registry, so that npm installs from the one that is configured.
if (/"resolved":\s*"/.test(readFileSync('package-lock.json', 'utf8'))) {
  console.error(
    'package-lock.json names a registry host. Reinstall with omit-lockfile-registry-resolved, which .npmrc sets.',
  )
  failed.push('package-lock.json')
}
if (failed.length > 0) {
  console.error(`\nChecks that failed (see above): ${failed.join(', ')}`)
  process.exitCode = 1
}

function check(tool: string, ...args: readonly string[]): void {
  console.log(`\n> ${[tool, ...args].join(' ')}`)
  const { status, error } = spawnSync('npx', ['--no-install', tool, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) console.error(error.message)
  if (status !== 0) failed.push(tool)
}
