import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { expectDelivered } from '../../src/testing/index.ts'
import { runHere, serveEmulator, startCliInShell, startProgram, temporaryFolder } from './support.ts'

// Processes are slow to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))

describe('the command line', () => {
  test('--help lists the commands and the exit codes', async () => {
    const { code, stdout, stderr } = await runHere(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const word of ['tail', 'shards', 'lag', 'parked', 'demo', 'Exit codes:'])
      expect(stdout).toContain(word)
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(await runHere(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
    expect(await runHere(['tail', '--version'])).toMatchObject({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    })
  })
})

describe('shards', () => {
  test('the shards command draws the tree of parents and children', async () => {
    await using served = await serveEmulator()
    const [left] = served.emulator.split()
    served.emulator.roll(left)
    const { code, stdout, stderr } = await runHere(['shards', ...served.source])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trim().split('\n')
    expect(lines.slice(0, 2)).toEqual([served.emulator.streamArn, 'ENABLED, 4 shards, 2 open'])
    expect(lines[2]).toMatch(/^[0-9a-f]{8}$/)
    const branches = lines.slice(3).sort()
    expect(branches.filter((line) => /^[├└]─ [0-9a-f]{8} open since /.test(line))).toHaveLength(1)
    expect(branches.filter((line) => /^[├└]─ [0-9a-f]{8} → [0-9a-f]{8} open since /.test(line))).toHaveLength(
      1,
    )
  })

  test('the shards command uses the singular for a stream with one shard', async () => {
    await using served = await serveEmulator()
    const { stdout } = await runHere(['shards', ...served.source])
    expect(stdout.split('\n')[1]).toBe('ENABLED, 1 shard, 1 open')
  })

  test('shards --json prints one JSON object per shard, with the id of its parent', async () => {
    await using served = await serveEmulator()
    served.emulator.roll()
    const { stdout } = await runHere(['shards', ...served.source, '--json'])
    const shards = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(shards.map(({ shardId, parentShardId, closed }) => ({ shardId, parentShardId, closed }))).toEqual(
      served.emulator.shards.map(({ shardId, parentId, open }) => ({
        shardId,
        parentShardId: parentId,
        closed: !open,
      })),
    )
  })
})

describe('lag', () => {
  test('the lag command reports how far a checkpoint is behind and leaves the file unchanged', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    const checkpoint = join(temporaryFolder(), 'position.json')
    const now = Date.now()
    emulator.put({ id: 'a' }, { createdAt: now - 7_200_000 })
    emulator.put({ id: 'b' }, { createdAt: now - 3_600_000 })
    const [{ shardId = '', sequenceNumber = '' } = {}] = emulator.records
    const text = JSON.stringify({
      version: 1,
      streamArn: emulator.streamArn,
      shards: [{ shardId, at: { after: sequenceNumber } }],
    })
    writeFileSync(checkpoint, text)
    const { code, stdout, stderr } = await runHere(['lag', ...served.source, '--checkpoint', checkpoint])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [summary, ...rows] = stdout.trimEnd().split('\n')
    expect(summary).toBe(
      `${checkpoint} is 1 h 0 min behind the tip; the oldest unread record expires in at least 22 h 59 min`,
    )
    expect(rows).toEqual([
      expect.stringMatching(/^shardId-\S+ {2}1 h 0 min behind {2}shard created [\d-]{10} [\d:]{8}$/),
    ])
    expect(readFileSync(checkpoint, 'utf8')).toBe(text)
  })

  test('the lag command names the position that it measures', async () => {
    await using served = await serveEmulator()
    const summaryOf = async (...args: string[]) =>
      (await runHere(['lag', ...served.source, ...args])).stdout.split('\n')[0]
    expect(await summaryOf()).toBe('trim_horizon is at the tip')
    served.emulator.put({ id: 'a' }, { createdAt: Date.now() - 3_600_500 })
    expect(await summaryOf()).toMatch(/^trim_horizon is 1 h 0 min behind the tip; /)
    expect(await summaryOf('--from', 'latest')).toBe('latest is at the tip')
    const time = new Date(Date.now() - 7_200_000).toISOString()
    expect(await summaryOf('--from', time)).toContain(`${time} is 1 h 0 min behind the tip; `)
  })

  test('lag --json reports a lag of 0 at the tip', async () => {
    await using served = await serveEmulator({ shards: 2 })
    const { stdout } = await runHere(['lag', ...served.source, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      streamArn: served.emulator.streamArn,
      millisBehindLatest: 0,
      hasGap: false,
      shards: [{ millisBehindLatest: 0 }, { millisBehindLatest: 0 }],
    })
  })
})

describe('lag and shards', () => {
  test.each([
    ['lag', 'DescribeTable'],
    ['lag', 'GetRecords'],
    ['shards', 'DescribeTable'],
    ['shards', 'DescribeStream'],
  ] as const)('%s reports on stderr that %s failed and is retried', async (command, operation) => {
    await using served = await serveEmulator()
    // More often than the SDK itself retries.
    served.emulator.on(operation, { times: 4 }, { fail: 'InternalServerError' })
    const { code, stdout, stderr } = await runHere([command, ...served.source])
    expect(code).toBe(0)
    expect(stdout).not.toBe('')
    expect(stderr).toMatch(
      new RegExp(
        `^dynamodb-stream-iterator: ${operation}( on shard \\w+)? failed on attempt 1 \\(.+\\); retrying\n$`,
      ),
    )
  })
})

function awsSettings(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  }
}

/** Returns the code block in the section "A worker" of README.md. */
function workerOfReadme(): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, code = ''] = /### A worker\n[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme) ?? []
  return code
}

describe('the example worker', () => {
  test('the example worker resumes where it was stopped, across a shard split', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    const folder = temporaryFolder()
    const env = awsSettings(served.endpoint)
    const run = async (last: string) => {
      const worker = startProgram(example('worker.ts'), ['orders'], env, folder)
      await worker.seen('stdout', `id: '${last}'`)
      worker.child.kill('SIGINT')
      const { code, stdout } = await worker.ended
      expect(code).toBe(0)
      return [...stdout.matchAll(/INSERT \{ id: '(\w+)' \}/g)].map(([, id]) => id)
    }
    for (const id of ['a', 'b', 'c']) emulator.put({ id })
    const first = await run('c')
    emulator.split()
    for (const id of ['d', 'e']) emulator.put({ id })
    const second = await run('e')
    const delivered = [...first, ...second].map((id) => emulator.records.find(({ key }) => key.id === id))
    expectDelivered(
      emulator.records,
      delivered.filter((record) => record !== undefined),
    )
  })

  test.each([
    ['examples/worker.ts', readFileSync(example('worker.ts'), 'utf8')],
    ['README.md', workerOfReadme()],
  ])('the worker in %s ends without an error if it is stopped while it connects', async (_, code) => {
    await using served = await serveEmulator()
    const connecting = new Promise((resolve) => {
      served.emulator.on('DescribeStream', { times: 9 }, () => {
        resolve(undefined)
        return { hang: true }
      })
    })
    const folder = temporaryFolder()
    const program = join(folder, 'worker.mts')
    writeFileSync(program, code)
    const worker = startProgram(program, ['orders'], awsSettings(served.endpoint), folder)
    await connecting
    worker.child.kill('SIGINT')
    expect(await worker.ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe.skipIf(!existsSync('/dev/full'))('standard output on a full device', () => {
  test.each([['--help'], ['shards'], ['lag'], ['tail', '--no-follow'], ['demo']])(
    '%s fails with an error that names standard output when it cannot be written',
    async (...args) => {
      await using served = await serveEmulator()
      served.emulator.fill({ records: 3, bytes: 10 })
      const isOfStream = ['shards', 'lag', 'tail'].includes(args[0] ?? '')
      const command = [...args, ...(isOfStream ? served.source : [])]
      const { code, stderr } = await startCliInShell('exec "$@" > /dev/full', command).ended
      expect(stderr.trim().split('\n').at(-1)).toBe(
        'dynamodb-stream-iterator: Cannot write to standard output: no space left on the device (ENOSPC) [output]',
      )
      expect(code).toBe(1)
    },
  )
})
