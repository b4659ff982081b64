import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packInto } from '../../scripts/pack.ts'
import { StreamEmulator } from '../../src/testing/index.ts'
import { describeOnLocal } from '../support/shared-local.ts'
import { createTable, putNumbers } from '../support/tables.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const modules = join(root, 'node_modules')
const run = promisify(execFile)
let folder = ''
let installed = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'installed-'))
  mkdirSync(join(folder, 'packed'))
  installed = await install(packInto(join(folder, 'packed')).tarball)
  copyFileSync(new URL('worker.ts', import.meta.url), join(folder, 'worker.ts'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['worker.ts'] }))
}, 300_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

const compilerOptions = {
  module: 'nodenext',
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
  strict: true,
  // The declarations must compile on their own under the strictest settings of a consumer.
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
}

/**
 * Extracts the tarball to where `npm install` would put it, and links its dependencies, without development
 * dependencies. Needs no network.
 */
async function install(tarball: string): Promise<string> {
  const target = join(folder, 'node_modules', 'dynamodb-stream-iterator')
  mkdirSync(target, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', target])
  const { dependencies, peerDependencies } = manifestOf(target)
  for (const name of [...Object.keys({ ...dependencies, ...peerDependencies }), '@types/node']) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(modules, name), link)
  }
  return target
}

function manifestOf(path: string): {
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
  exports: Record<string, unknown>
} {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
}

describe('the packed package', { timeout: 180_000 }, () => {
  test('every subpath of the packed package can be imported', async () => {
    const names = Object.keys(manifestOf(installed).exports).filter((subpath) => !subpath.endsWith('.json'))
    expect(names).toContain('.')
    for (const subpath of names) {
      const specifier = join('dynamodb-stream-iterator', subpath)
      const program = `console.log(Object.keys(await import('${specifier}')).length)`
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: folder })
      expect(Number(stdout), specifier).toBeGreaterThan(0)
    }
  })

  test('the packed package contains no sources, tests or source maps', async () => {
    const { stdout } = await run('find', ['.', '-type', 'f'], { cwd: installed })
    const files = stdout.trim().split('\n')
    expect(files.length).toBeGreaterThan(10)
    expect(
      files.filter((file) => !/^\.\/(dist\/.*(\.js|\.d\.ts)|[A-Z]+(\.md)?|package\.json)$/.test(file)),
    ).toEqual([])
  })

  test('the types of the packed package resolve under nodenext', async () => {
    const tsc = join(modules, 'typescript/bin/tsc')
    const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error) => error)
    expect(stdout).toBe('')
  })
})

test('the first example of README.md runs unchanged as plain JavaScript', { timeout: 300_000 }, async () => {
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
  writeFileSync(join(folder, 'first.mjs'), code)
  const emulator = new StreamEmulator({ tableName: 'orders' })
  emulator.put({ id: 'a', total: 1 })
  await using server = await emulator.listen()
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: server.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  }
  const child = spawn(process.execPath, ['first.mjs'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    expect(line).toBe("INSERT { id: 'a' } { id: 'a', total: 1 }")
  } finally {
    child.kill('SIGKILL')
  }
})

describeOnLocal('a program that uses the packed package', (local) => {
  test('a compiled program reads a stream on DynamoDB Local', async () => {
    const client = local.tableClient()
    const table = await createTable(client)
    await putNumbers(client, table, 'a', [1, 4])
    client.destroy()
    await run(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', folder, '--noCheck'])
    const checkpoints = join(folder, 'checkpoints')
    const env = {
      ...process.env,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    }
    const args = [join(folder, 'worker.js'), local.endpoint, table.tableName, checkpoints]
    const first = await run(process.execPath, args, { env })
    expect(first.stdout.trim().split('\n')).toEqual([
      'INSERT 1',
      'MODIFY 2',
      'MODIFY 3',
      'a true',
      'function',
    ])
    expect(first.stderr).toBe('')
  })
})
