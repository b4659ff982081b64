import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import {
  fileParkingStore,
  type ParkedKey,
  type ParkedRecord,
  type ParkingLease,
  type ParkingStore,
} from '../../src/index.ts'
import { hashItemKey } from '../../src/records/item-key.ts'
import { type Ended, runHere, startCliInShell, temporaryFolder } from './support.ts'

// Processes are slow to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const HINT =
  'dynamodb-stream-iterator: a running worker sees the request within 5 seconds; if none is running, the next one sees it when it starts\n'

const noKeys = (name: string) =>
  `dynamodb-stream-iterator: no keys of "${name}" are parked in ${folder}; if you expected some, check --name\n`

let folder: string
let store: ParkingStore
let lease: ParkingLease
beforeEach(async () => {
  folder = temporaryFolder()
  store = fileParkingStore(folder)
  lease = await store.acquire('orders')
})

function keyOf(id: string, changes: Partial<ParkedKey> = {}): ParkedKey {
  const key = JSON.stringify({ id: { S: id } })
  return {
    keyHash: hashItemKey(key),
    key,
    state: 'parked',
    parkedAt: Date.UTC(2026, 0, 2),
    records: 1,
    last: '0001',
    ...changes,
  }
}

function recordOf(index: number, id: string, padding = ''): ParkedRecord {
  const record = {
    eventID: String(index),
    eventName: 'INSERT',
    dynamodb: {
      ApproximateCreationDateTime: 1_767_225_600 + index,
      Keys: { id: { S: id } },
      NewImage: { id: { S: id }, total: { N: String(index) }, padding: { S: padding } },
      SequenceNumber: String(421_000_000_000_000_000_000n + BigInt(index)),
      SizeBytes: 100,
    },
    eventSourceARN: 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
  }
  const content = JSON.stringify({ shardId: 'shardId-00000001767225600000-0a1b2c3d', record })
  return { position: String(index).padStart(4, '0'), content }
}

async function park(id: string, count: number, changes: Partial<ParkedKey> = {}): Promise<ParkedKey> {
  const key = keyOf(id, { records: count, ...changes })
  await lease.save([{ key, added: Array.from({ length: count }, (_, index) => recordOf(index, id)) }])
  return key
}

const parked = (...args: string[]): Promise<Ended> =>
  runHere(['parked', ...args, '--name', 'orders', '--parking-dir', folder])

describe('parked list', () => {
  test('parked list shows the keys in the order in which they were parked', async () => {
    await park('late', 2, { parkedAt: Date.UTC(2026, 0, 3) })
    await park('early', 3, {
      parkedAt: Date.UTC(2026, 0, 1),
      progress: { attempts: 20, since: 0, error: { name: 'TimeoutError' } },
    })
    const { code, stdout, stderr } = await parked('list')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = stdout.trimEnd().split('\n')
    expect(rows).toHaveLength(3)
    expect(rows[1]).toMatch(/^\S{22} {2}\{"id":"early"\} +parked +3 +2026-01-01 00:00:00 +20 +TimeoutError$/)
    expect(rows[2]).toMatch(/^\S{22} {2}\{"id":"late"\} +parked +2 +2026-01-03 00:00:00 +0$/)
  })

  test('parked list --json prints one line of JSON per key', async () => {
    const keys = [await park('a', 1), await park('b', 2)]
    const { code, stdout } = await parked('list', '--json')
    expect(code).toBe(0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.sort((one) => (one.records === 1 ? -1 : 1))).toEqual(
      keys.map((key) => ({ ...key, key: JSON.parse(key.key) })),
    )
  })

  test('parked list of a run without parked keys prints nothing on stdout', async () => {
    expect(await parked('list')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: noKeys('orders'),
    })
    const unknown = await runHere(['parked', 'list', '--name', 'unknown', '--parking-dir', folder])
    expect(unknown).toMatchObject({ code: 0, stdout: '', stderr: noKeys('unknown') })
  })

  test('parked list changes no file and does not disturb the worker', async () => {
    await park('a', 3)
    const before = readdirSync(folder, { recursive: true })
    await parked('list')
    await parked('show', '{"id":"a"}')
    expect(readdirSync(folder, { recursive: true })).toEqual(before)
    await park('a', 4)
  })
})

describe('parked show', () => {
  test('parked show prints the key and its records, as tail prints them for people', async () => {
    const { keyHash } = await park('a', 2, {
      progress: { attempts: 1, since: Date.UTC(2026, 0, 1), error: { name: 'TypeError' } },
    })
    for (const key of [keyHash, '{"id":"a"}', '{"id":{"S":"a"}}']) {
      expect(await parked('show', key)).toMatchObject({
        code: 0,
        stderr: '',
        stdout: [
          `{"id":"a"}  ${keyHash}`,
          'parked since 2026-01-02 00:00:00, 2 records',
          'first record: 1 attempt since 2026-01-01 00:00:00',
          'last error: TypeError',
          "2026-01-01 00:00:00  INSERT  { id: 'a' }  0a1b2c3d 421000000000000000000",
          '  total: 0',
          "  padding: ''",
          "2026-01-01 00:00:01  INSERT  { id: 'a' }  0a1b2c3d 421000000000000000001",
          '  total: 1',
          "  padding: ''",
          '',
        ].join('\n'),
      })
    }
  })

  test('parked show --json prints only the records, up to the limit, without those that are finished', async () => {
    const { keyHash } = await park('a', 10, { finished: '0002' })
    const all = await parked('show', keyHash, '--json')
    expect(all.records.map(({ newImage }) => newImage?.total)).toEqual([3, 4, 5, 6, 7, 8, 9])
    const { code, stdout, records } = await parked('show', keyHash, '--json', '--limit', '2')
    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(records.map(({ newImage }) => newImage?.total)).toEqual([3, 4])
  })

  test('parked show prints 1,500 records of 2 kB completely', async () => {
    const key = keyOf('a', { records: 1_500, last: '1499' })
    const added = Array.from({ length: 1_500 }, (_, index) => recordOf(index, 'a', 'x'.repeat(2_000)))
    await lease.save([{ key, added }])
    const { records } = await parked('show', key.keyHash, '--json')
    expect(records.map(({ newImage }) => newImage?.total)).toEqual(added.map((_, index) => index))
  })

  test('parked show stops when the reader of its output has exited', async () => {
    const key = keyOf('a', { records: 3_000, last: '2999' })
    const added = Array.from({ length: 3_000 }, (_, index) => recordOf(index, 'a', 'x'.repeat(2_000)))
    await lease.save([{ key, added }])
    const args = ['parked', 'show', '--json', '--name', 'orders', '--parking-dir', folder, '--', key.keyHash]
    const { code, stdout, stderr } = await startCliInShell('"$@" | head -n 1', args).ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
  })
})

describe('parked release and parked drop', () => {
  test('parked release requests the release, and reports when the worker sees it', async () => {
    const [a, b] = [await park('a', 3), await park('b', 1)]
    await park('c', 1)
    const { code, stdout, stderr } = await parked('release', '{"id":"a"}', b.keyHash)
    expect({ code, stderr }).toEqual({ code: 0, stderr: HINT })
    expect(stdout).toBe(
      `release requested: 3 records of {"id":"a"} (${a.keyHash})\n` +
        `release requested: 1 record of {"id":"b"} (${b.keyHash})\n`,
    )
    expect(await lease.requests()).toMatchObject([
      { keyHash: expect.any(String), action: 'release' },
      { keyHash: expect.any(String), action: 'release' },
    ])
  })

  test('parked release --all requests the release of every key', async () => {
    const keys = [await park('a', 3), await park('b', 1), await park('c', 0)]
    expect(await parked('release', '--all')).toMatchObject({ code: 0, stderr: HINT })
    const requested = await lease.requests()
    expect(new Set(requested.map(({ keyHash }) => keyHash))).toEqual(
      new Set(keys.map(({ keyHash }) => keyHash)),
    )
  })

  test('parked release --all without parked keys requests nothing', async () => {
    expect(await parked('release', '--all')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: noKeys('orders'),
    })
  })

  test('parked drop --yes requests that the records are dropped, and replaces a release', async () => {
    const { keyHash } = await park('a', 3)
    await parked('release', keyHash)
    const { code, stdout } = await parked('drop', keyHash, '--yes')
    expect(code).toBe(0)
    expect(stdout).toBe(`drop requested: 3 records of {"id":"a"} (${keyHash})\n`)
    expect(await lease.requests()).toMatchObject([{ keyHash, action: 'drop' }])
  })

  test('parked drop without --yes requests nothing', async () => {
    const { keyHash } = await park('a', 3)
    expect(await parked('drop', keyHash)).toMatchObject({ code: 2, stdout: '' })
    expect(await lease.requests()).toEqual([])
  })

  test('of several keys, those that are parked are released although another one is not', async () => {
    const { keyHash } = await park('a', 3)
    const ended = await parked('release', '{"id":"none"}', keyHash, '{"id":"nope"}')
    expect(ended.code).toBe(3)
    expect(ended.stderr).toBe(
      `${HINT}dynamodb-stream-iterator: 2 keys are not parked: {"id":"none"}, {"id":"nope"}. ` +
        'List the parked keys of "orders" with parked list [key.notParked]\n',
    )
    expect(await lease.requests()).toMatchObject([{ keyHash, action: 'release' }])
  })
})

describe('errors of parked', () => {
  test.each(['show', 'release'])(
    'parked %s fails with exit code 3 for a key that is not parked',
    async (action) => {
      expect(await parked(action, '{"id":"none"}')).toMatchObject({
        code: 3,
        stdout: '',
        stderr:
          'dynamodb-stream-iterator: The key {"id":"none"} is not parked. ' +
          'List the parked keys of "orders" with parked list [key.notParked]\n',
      })
    },
  )

  test.each([
    ['does not exist', () => join(folder, 'typo')],
    [
      'is not a folder',
      () => {
        writeFileSync(join(folder, 'file'), '')
        return join(folder, 'file')
      },
    ],
  ])('a --parking-dir that %s is reported with exit code 3', async (problem, path) => {
    const dir = path()
    expect(await runHere(['parked', 'list', '--name', 'orders', '--parking-dir', dir])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: `dynamodb-stream-iterator: --parking-dir ${dir} ${problem} [parking.notFound]\n`,
    })
  })

  test('damaged parked data is reported in one line with the file, and exit code 7', async () => {
    await park('a', 1)
    const keys = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) =>
      /keys.*json$/.test(name),
    )
    writeFileSync(join(folder, keys ?? ''), '{')
    const { code, stderr } = await parked('list')
    expect(code).toBe(7)
    expect(stderr).toMatch(
      /^dynamodb-stream-iterator: \S+\.json, which belongs to the parked keys of "orders", does not contain .* \[parking\.failed\]\n$/,
    )
  })

  test('an error of the file system is reported with the folder and exit code 7', async () => {
    const { keyHash } = await park('a', 1)
    await lease.remove(keyHash)
    const keys = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => /keys$/.test(name))
    mkdirSync(join(folder, keys ?? '', 'a.json'))
    expect(await parked('list')).toMatchObject({
      code: 7,
      stderr: `dynamodb-stream-iterator: --parking-dir ${folder} cannot be read: it is a folder (EISDIR) [parking.failed]\n`,
    })
  })

  test('a --parking-table without a region is reported like that of other commands', async () => {
    const args = ['parked', 'list', '--name', 'orders', '--parking-table', 'parking']
    const { code, stderr } = await startCliInShell('exec "$@"', args).ended
    expect(code).toBe(2)
    expect(stderr).toBe(
      'dynamodb-stream-iterator: No region is configured: use --region, or set AWS_REGION [usage]\n',
    )
  })

  test('a --parking-table at an endpoint that refuses connections is reported with exit code 6', async () => {
    const args = ['--parking-table', 'parking', '--endpoint', 'http://user:s3cret@127.0.0.1:1']
    const { code, stderr } = await runHere(['parked', 'list', '--name', 'orders', ...args])
    expect(code).toBe(6)
    expect(stderr).toMatch(/^dynamodb-stream-iterator: No response from http:\/\/127\.0\.0\.1:1\/ \(.*\n$/)
    expect(stderr).not.toContain('s3cret')
  })
})
