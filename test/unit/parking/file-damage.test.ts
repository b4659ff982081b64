import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  fileParkingStore,
  type ParkedRecord,
  type ParkingLease,
  type ParkingStore,
} from '../../../src/index.ts'
import { keyOf, recordsOf } from './file-fixture.ts'

const NAME = 'orders'
const { keyHash: A } = keyOf('a', 0)

let folder: string
let store: ParkingStore
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parking-'))
  store = fileParkingStore(folder)
})
afterEach(() => rm(folder, { recursive: true }))

/** Returns the path of a folder of the present lease: `keys`, `records` or `requests`. */
async function pathOf(contents: string): Promise<string> {
  const [lease = ''] = await readdir(join(folder, 'orders.parked'))
  return join(folder, 'orders.parked', lease, contents)
}

async function onlyFileIn(contents: string): Promise<string> {
  const path = await pathOf(contents)
  const names = await readdir(path)
  expect(names).toHaveLength(1)
  return join(path, names[0] ?? '')
}

async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const collected: Value[] = []
  for await (const value of values) collected.push(value)
  return collected
}

async function readAll(of: ParkingLease): Promise<ParkedRecord[]> {
  const records: ParkedRecord[] = []
  for (;;) {
    const page = await of.read(A, records.at(-1)?.position, 3)
    if (page.length === 0) return records
    records.push(...page)
  }
}

describe('damaged files of parked records', () => {
  let lease: ParkingLease
  beforeEach(async () => {
    lease = await store.acquire(NAME)
    await lease.save([{ key: keyOf('a', 9), added: recordsOf(0, 10) }])
  })

  const damages: [title: string, damage: (path: string) => Promise<void>, problem: string][] = [
    ['is empty', (path) => truncate(path, 0), 'ends too early'],
    ['lacks its last bytes', async (path) => truncate(path, (await stat(path)).size - 3), 'ends too early'],
    ['lacks its last record', (path) => edit(path, (lines) => lines.slice(0, -1)), 'ends too early'],
    [
      'lacks a record in the middle',
      (path) => edit(path, (lines) => lines.toSpliced(4, 1)),
      'has a damaged record at byte',
    ],
    [
      'has two records in the wrong order',
      (path) => edit(path, ([one = '', other = '', ...rest]) => [other, one, ...rest]),
      'has a damaged record at byte',
    ],
    [
      'has a record twice and lacks another one',
      (path) => edit(path, (lines) => lines.with(5, lines[4] ?? '')),
      'has a damaged record at byte',
    ],
    [
      'has a changed content',
      (path) => edit(path, (lines) => lines.with(5, lines[5]?.replace('content 5', 'content 6') ?? '')),
      'has a damaged record at byte',
    ],
    [
      'has a changed position',
      (path) => edit(path, (lines) => lines.with(9, lines[9]?.replace('0009', '0010') ?? '')),
      'has a damaged record at byte',
    ],
    [
      'has another record at its end',
      (path) => edit(path, (lines) => lines.with(9, lines[8] ?? '')),
      'has a damaged record at byte',
    ],
    [
      'contains zeros',
      async (path) => writeFile(path, Buffer.alloc((await stat(path)).size)),
      'ends too early|has a torn line',
    ],
    ['does not exist', (path) => rm(path), 'does not exist'],
  ]

  async function edit(path: string, change: (lines: string[]) => string[]): Promise<void> {
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
    await writeFile(path, `${change(lines).join('\n')}\n`)
  }

  test.each(damages)(
    'a file of parked records that %s is reported by name and left unchanged',
    async (_, damage, problem) => {
      const path = await onlyFileIn('records')
      await damage(path)
      const content = await readFile(path).catch(() => undefined)
      const error = {
        code: 'parking.failed',
        message: expect.stringMatching(new RegExp(`^${path}, which .* "orders", (${problem})`)),
        details: { name: NAME, keyHash: A, operation: 'read' },
      }
      await expect(readAll(lease)).rejects.toMatchObject(error)
      await expect(collect(store.records(NAME, A))).rejects.toMatchObject(error)
      expect(await readFile(path).catch(() => undefined)).toEqual(content)
    },
  )

  test('a missing file of parked records is reported when the next worker starts', async () => {
    const path = await onlyFileIn('records')
    await rm(path)
    await expect(store.acquire(NAME)).rejects.toMatchObject({
      code: 'parking.failed',
      message: expect.stringMatching(/records\/.*\.jsonl, which .* does not exist\. It was left unchanged/),
      details: { name: NAME, keyHash: A, operation: 'acquire' },
    })
  })

  test.each([
    ['is empty', '', 'is empty'],
    ['is torn', '{"version":1,', 'does not contain a parked key as JSON'],
    ['contains other JSON', '{"version":1,"id":"1-0","key":{}}', 'does not contain a parked key as JSON'],
    ['contains null', 'null', 'does not contain a parked key as JSON'],
    ['has an unknown version', undefined, 'does not contain a parked key as JSON'],
  ])(
    'a key file that %s is reported by name, never skipped, and left unchanged',
    async (_, text, problem) => {
      const path = await onlyFileIn('keys')
      const content = text ?? (await readFile(path, 'utf8')).replace('"version":1', '"version":2')
      await writeFile(path, content)
      const failure = (operation: string) =>
        expect.objectContaining({
          code: 'parking.failed',
          message: expect.stringMatching(new RegExp(`keys/.*\\.json, which .* "orders", ${problem}\\.`)),
          details: expect.objectContaining({ name: NAME, operation }),
        })
      await expect(collect(store.list(NAME))).rejects.toEqual(failure('read'))
      await expect(store.get(NAME, A)).rejects.toEqual(failure('read'))
      await expect(collect(store.records(NAME, A))).rejects.toEqual(failure('read'))
      await expect(store.release(NAME, A)).rejects.toEqual(failure('read'))
      await expect(store.acquire(NAME)).rejects.toEqual(failure('acquire'))
      expect(await readFile(await onlyFileIn('keys'), 'utf8')).toBe(content)
    },
  )

  test('a key file that was copied for another key is reported', async () => {
    const path = await onlyFileIn('keys')
    await writeFile(path.replace(/[^/]+$/, 'copy.json'), await readFile(path))
    await expect(collect(store.list(NAME))).rejects.toMatchObject({
      code: 'parking.failed',
      message: expect.stringContaining(
        'copy.json, which belongs to the parked keys of "orders", is the file of',
      ),
    })
  })

  test('a run folder without the folder of a lease is reported', async () => {
    const run = join(folder, 'orders.parked')
    await rename(await pathOf('.'), join(run, 'moved'))
    await expect(store.acquire(NAME)).rejects.toMatchObject({
      code: 'parking.failed',
      message: expect.stringContaining(
        'orders.parked, which belongs to the parked keys of "orders", has no folder',
      ),
      details: { name: NAME, operation: 'acquire' },
    })
    expect(await readdir(folder)).toEqual(['orders.parked'])
  })

  test('the message about a damaged key file contains no value of the file', async () => {
    const path = await onlyFileIn('keys')
    await writeFile(path, (await readFile(path, 'utf8')).replace('"id"', '"canary'))
    const error: Error = await store.get(NAME, A).then(
      () => expect.unreachable(),
      (reason) => reason,
    )
    expect(`${error.message} ${error.cause}`).not.toContain('canary')
  })

  test('errors of the file system are rethrown unchanged', async () => {
    await rm(await onlyFileIn('keys'))
    await mkdir(join(await pathOf('keys'), `${A}.json`))
    await expect(store.get(NAME, A)).rejects.toMatchObject({ code: 'EISDIR' })
    await writeFile(join(folder, 'file'), '')
    await expect(fileParkingStore(join(folder, 'file')).acquire(NAME)).rejects.toMatchObject({
      code: expect.stringMatching(/ENOTDIR|EEXIST/),
    })
  })
})
