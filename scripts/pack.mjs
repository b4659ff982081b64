// Builds and packs the package in a folder of its own, so that `dist` of the work tree is left alone.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * @param {string} folder an empty folder
 * @returns {string} the path of the tarball
 */
export function packInto(folder) {
  const staging = join(folder, 'staging')
  mkdirSync(staging)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const file of ['package.json', ...manifest.files]) {
    if (file !== 'dist' && existsSync(join(root, file)))
      cpSync(join(root, file), join(staging, file), { recursive: true })
  }
  run(
    process.execPath,
    [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      'tsconfig.build.json',
      '--outDir',
      join(staging, 'dist'),
    ],
    root,
  )
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], staging),
  )
  return join(folder, filename)
}

/** Runs a program and returns what it printed; its errors and warnings go to the terminal. */
function run(program, args, cwd) {
  try {
    return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')} failed:\n${error.stdout ?? ''}`, { cause: error })
  }
}
