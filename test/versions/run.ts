import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { packInto } from '../../scripts/pack.ts'

const USAGE = `Installs the packed package with several versions of the AWS SDK and uses it: as ES modules, with require(), and
compiled with the oldest and the newest supported TypeScript. Needs the npm registry.

  npm run check:versions -- [--sdk VERSION]... [--node FOLDER]...

--sdk   a version of the SDK, or oldest or newest; default: every version of the list
--node  another Node.js to use in addition to this one: the folder that contains bin/node
`

/** The oldest supported SDK version, the last without and the first with schemas, and the newest. */
const SDK_VERSIONS = ['3.692.0', '3.862.0', '3.931.0', '3.1141.0'] as const
const TYPESCRIPT_VERSIONS = ['5.4', '6.0'] as const
const MANAGERS = { npm: undefined, pnpm: 'pnpm@10', yarn: 'yarn@1' } as const

const CLIENTS = ['@aws-sdk/client-dynamodb-streams', '@aws-sdk/client-dynamodb'] as const
const programs = fileURLToPath(new URL('programs', import.meta.url))
const exec = promisify(execFile)

const { values } = parseArgs({
  options: {
    sdk: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
})

/** One cell of the table: a check and its outcome. */
interface Result {
  readonly sdk: string
  readonly node: string
  readonly check: string
  readonly problem: string | undefined
}

const results: Result[] = []

async function attempt(sdk: string, node: string, check: string, work: () => Promise<void>): Promise<void> {
  const problem = await work().then(
    () => undefined,
    (error: unknown) => describe(error),
  )
  results.push({ sdk, node, check, problem })
  console.log(
    `${problem === undefined ? 'ok    ' : 'FAILED'} SDK ${sdk}, Node ${node}: ${check}${problem ?? ''}`,
  )
}

function describe(error: unknown): string {
  const { message = String(error), stdout = '', stderr = '' } = error as Partial<Record<string, string>>
  return `\n${message}\n${stdout}${stderr}`.replaceAll('\n', '\n    ')
}

/** Creates a folder and installs the dependencies in it. */
async function install(
  folder: string,
  dependencies: Record<string, string>,
  manager: keyof typeof MANAGERS = 'npm',
): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const manifest = { name: 'user', private: true, type: 'module', dependencies }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const command = MANAGERS[manager]
  const quiet = manager === 'npm' ? ['--no-audit', '--no-fund', '--loglevel=error'] : []
  if (command === undefined) await exec('npm', ['install', ...quiet], { cwd: folder })
  else await exec('npx', ['--yes', command, 'install', '--ignore-scripts'], { cwd: folder })
  return folder
}

/** Counts the copies of a package that are installed below a folder. Links are not followed. */
function copiesOf(name: string, folder: string): number {
  const target = join('node_modules', name)
  let copies = folder.endsWith(target) ? 1 : 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) copies += copiesOf(name, join(folder, entry.name))
  }
  return copies
}

async function runProgram(node: string, folder: string, program: string): Promise<unknown> {
  copyFileSync(join(programs, program), join(folder, program))
  const env = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
  const { stdout } = await exec(node, [program], { cwd: folder, env, timeout: 60_000 })
  return JSON.parse(stdout)
}

function expectEqual(actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (got !== wanted) throw new Error(`expected ${wanted}, got ${got}`)
}

function chosenSdks(): readonly string[] {
  const names: Record<string, string> = { oldest: SDK_VERSIONS[0], newest: SDK_VERSIONS[3] }
  return values.sdk.length === 0 ? SDK_VERSIONS : values.sdk.map((name) => names[name] ?? name)
}

/** Returns the paths of the Node.js binaries to use, by version. */
async function findNodes(): Promise<Map<string, string>> {
  const nodes = new Map<string, string>()
  for (const path of [process.execPath, ...values.node.map((folder) => join(folder, 'bin', 'node'))]) {
    const { stdout } = await exec(path, ['--version'])
    nodes.set(stdout.trim().slice(1), path)
  }
  return nodes
}

async function checkSdk(
  root: string,
  tarball: string,
  sdk: string,
  nodes: Map<string, string>,
): Promise<void> {
  const typescripts = TYPESCRIPT_VERSIONS.map((version) => [
    `typescript-${version}`,
    `npm:typescript@~${version}.0`,
  ])
  const folder = await install(join(root, `sdk-${sdk}`), {
    'dynamodb-stream-iterator': `file:${tarball}`,
    ...Object.fromEntries(CLIENTS.map((name) => [name, sdk])),
    ...Object.fromEntries(typescripts),
    '@types/node': '^20',
  })
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
  }
  copyFileSync(join(programs, 'program.ts'), join(folder, 'program.ts'))
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  await attempt(sdk, 'any', 'one copy of each client', async () => {
    for (const name of CLIENTS) expectEqual([name, copiesOf(name, folder)], [name, 1])
  })
  for (const typescript of TYPESCRIPT_VERSIONS) {
    const tsc = join(folder, 'node_modules', `typescript-${typescript}`, 'bin', 'tsc')
    await attempt(sdk, 'any', `TypeScript ${typescript}`, async () => {
      await exec(process.execPath, [tsc, '-p', folder], { cwd: folder })
    })
  }
  for (const [version, node] of nodes) {
    await attempt(sdk, version, 'ESM', async () =>
      expectEqual(await runProgram(node, folder, 'program.mjs'), {
        seen: [1, 2, 3],
        first: { id: 'a', n: 1 },
      }),
    )
    await attempt(sdk, version, 'require', async () =>
      expectEqual(await runProgram(node, folder, 'program.cjs'), { seen: [1], first: { id: 'a', n: 1 } }),
    )
  }
}

/** Checks that clients from another copy of the SDK either work or are rejected with an explanation. */
async function checkTwoCopies(root: string, tarball: string, node: string): Promise<void> {
  const [oldest, lastBefore, firstWith, newest] = SDK_VERSIONS
  const pairs = [
    { ours: newest, theirs: firstWith, works: true },
    { ours: newest, theirs: lastBefore, works: false },
    { ours: newest, theirs: oldest, works: false },
    { ours: oldest, theirs: newest, works: true },
  ]
  for (const { ours, theirs, works } of pairs) {
    const folder = await install(join(root, `two-copies-${ours}-${theirs}`), {
      'dynamodb-stream-iterator': `file:${tarball}`,
      ...Object.fromEntries(CLIENTS.map((name) => [name, ours])),
      'other-streams-client': `npm:${CLIENTS[0]}@${theirs}`,
      'other-tables-client': `npm:${CLIENTS[1]}@${theirs}`,
    })
    await attempt(
      ours,
      process.versions.node,
      `a client of ${theirs} ${works ? 'works' : 'is rejected'}`,
      async () => {
        const result = await runProgram(node, folder, 'two-copies.mjs')
        if (works) return expectEqual(result, { seen: [1], first: { id: 'a', n: 1 } })
        const { code, message } = result as { code: string; message: string }
        expectEqual(code, 'options.invalid')
        if (!message.includes('Install a single version')) throw new Error(message)
      },
    )
  }
}

/** Checks that every package manager installs a single copy of each client. */
async function checkManagers(root: string, tarball: string): Promise<void> {
  const [oldest] = SDK_VERSIONS
  for (const manager of Object.keys(MANAGERS) as (keyof typeof MANAGERS)[]) {
    await attempt(oldest, process.versions.node, `${manager} installs one copy of each client`, async () => {
      const dependencies = {
        'dynamodb-stream-iterator': `file:${tarball}`,
        ...Object.fromEntries(CLIENTS.map((name) => [name, oldest])),
      }
      const folder = await install(join(root, manager), dependencies, manager)
      for (const name of CLIENTS) expectEqual([name, copiesOf(name, folder)], [name, 1])
      const result = await runProgram(process.execPath, folder, 'program.mjs')
      expectEqual(result, { seen: [1, 2, 3], first: { id: 'a', n: 1 } })
    })
  }
}

function printTable(sdks: readonly string[], nodes: readonly string[]): void {
  const columns = ['ESM', 'require', ...TYPESCRIPT_VERSIONS.map((version) => `TypeScript ${version}`)]
  console.log(`\n| SDK | Node | ${columns.join(' | ')} |\n| --- | --- |${' --- |'.repeat(columns.length)}`)
  for (const sdk of sdks) {
    for (const node of nodes) {
      const cells = columns.map((check) => {
        const result = results.find(
          (one) => one.sdk === sdk && (one.node === node || one.node === 'any') && one.check === check,
        )
        return result === undefined ? 'not run' : result.problem === undefined ? 'ok' : 'FAILED'
      })
      console.log(`| ${sdk} | ${node} | ${cells.join(' | ')} |`)
    }
  }
}

async function main(): Promise<void> {
  const nodes = await findNodes()
  const sdks = chosenSdks()
  const root = await mkdtemp(join(tmpdir(), 'versions-'))
  try {
    mkdirSync(join(root, 'packed'))
    const { tarball } = packInto(join(root, 'packed'))
    const checks = [
      ...sdks.map((sdk) => () => checkSdk(root, tarball, sdk, nodes)),
      () => checkTwoCopies(root, tarball, process.execPath),
      () => checkManagers(root, tarball),
    ]
    const work = async (): Promise<void> => {
      for (let next = checks.shift(); next; next = checks.shift()) await next()
    }
    await Promise.all([work(), work()])
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
  printTable(sdks, [...nodes.keys()])
  const failed = results.filter(({ problem }) => problem !== undefined).length
  console.log(`\n${results.length - failed} of ${results.length} checks passed`)
  process.exitCode = failed === 0 ? 0 : 1
}

if (values.help) console.log(USAGE)
else await main()
