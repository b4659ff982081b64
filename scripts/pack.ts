import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root: string = fileURLToPath(new URL('..', import.meta.url))

/**
 * Builds and packs the package in `folder`, an empty one, so that `dist` of the work tree is not changed.
 *
 * @returns the paths of the tarball and of the `dist` in it
 */
export function packInto(folder: string): { tarball: string; dist: string } {
  const staging = join(folder, 'staging')
  const dist = join(staging, 'dist')
  mkdirSync(staging)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] }
  for (const file of ['package.json', ...manifest.files]) {
    if (file !== 'dist' && existsSync(join(root, file)))
      cpSync(join(root, file), join(staging, file), { recursive: true })
  }
  run(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', dist],
    root,
  )
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], staging),
  ) as [{ filename: string }]
  return { tarball: join(folder, filename), dist }
}

/** Runs a program and returns its output; its errors and warnings go to the terminal. */
function run(program: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')} failed:\n${(error as { stdout?: string }).stdout ?? ''}`, {
      cause: error,
    })
  }
}
