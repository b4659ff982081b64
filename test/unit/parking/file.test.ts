import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ParkedKey, ParkedRecord, ParkingLease, ParkingStore } from '../../../src/index.ts'
import { type DurableFiles, nodeFiles } from '../../../src/parking/durable-files.ts'
import { fileParkingStore } from '../../../src/parking/file.ts'
import { createFileStore } from '../../../src/parking/file-store.ts'
import { keyOf, record, recordsOf } from './file-fixture.ts'

const isPosix = process.platform !== 'win32'
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

const finishedAt = (index: number, last: number): ParkedKey =>
  keyOf('a', last, { finished: record(index).position })

describe('the folder of a file parking store', () => {
  test('a parked key has a file of its own, and its records are lines of JSON', async () => {
    const lease = await store.acquire(NAME, { epoch: 12 })
    await lease.save([{ key: keyOf('a', 1), added: recordsOf(0, 2) }])
    expect(await readdir(folder)).toEqual(['orders.parked'])
    expect(await readdir(join(folder, 'orders.parked'))).toEqual([
      expect.stringMatching(/^lease-1-12-[0-9a-f]{16}$/),
    ])
    const keyFile = JSON.parse(await readFile(await onlyFileIn('keys'), 'utf8'))
    expect(keyFile).toMatchObject({ version: 1, key: keyOf('a', 1), segments: [{ records: 2 }] })
    const lines = (await readFile(await onlyFileIn('records'), 'utf8')).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject(recordsOf(0, 2))
  })

  test('the folder of parked records can be a file: URL', async () => {
    const lease = await fileParkingStore(pathToFileURL(folder)).acquire(NAME)
    await lease.save([{ key: keyOf('a', 0), added: [] }])
    expect(await collect(store.list(NAME))).toEqual([keyOf('a', 0)])
  })

  test.runIf(isPosix)('only the owner can access the folders and files of parked records', async () => {
    const deep = join(folder, 'var', 'parking')
    const lease = await fileParkingStore(deep).acquire(NAME)
    await lease.save([{ key: keyOf('a', 1), added: recordsOf(0, 2) }])
    await fileParkingStore(deep).release(NAME, A)
    const entries = await readdir(join(folder, 'var'), { recursive: true, withFileTypes: true })
    expect(entries.filter((entry) => entry.isFile())).toHaveLength(3)
    for (const entry of entries) {
      const { mode } = await stat(join(entry.parentPath, entry.name))
      expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isFile() ? 0o600 : 0o700])
    }
  })

  test('calls of operators create no files', async () => {
    const absent = fileParkingStore(join(folder, 'absent'))
    expect(await collect(absent.list(NAME))).toEqual([])
    expect(await absent.release(NAME, A)).toBe(false)
    expect(await readdir(folder)).toEqual([])
    const lease = await store.acquire(NAME)
    await lease.save([{ key: keyOf('a', 0), added: recordsOf(0, 1) }])
    const before = await readdir(folder, { recursive: true })
    await collect(store.list(NAME))
    await collect(store.records(NAME, A))
    await store.get(NAME, A)
    expect(await readdir(folder, { recursive: true })).toEqual(before)
  })

  test('files that do not belong to the parking store are ignored and kept', async () => {
    const lease = await store.acquire(NAME)
    await lease.save([{ key: keyOf('a', 0), added: recordsOf(0, 1) }])
    const others = [
      join(folder, 'orders.parked', '.DS_Store'),
      join(await pathOf('keys'), '.DS_Store'),
      join(await pathOf('requests'), '.DS_Store'),
    ]
    for (const path of others) await writeFile(path, '')
    expect(await lease.requests()).toEqual([])
    const next = await store.acquire(NAME)
    expect(next.keys).toEqual([keyOf('a', 0)])
    const entries = await readdir(folder, { recursive: true })
    expect(entries.filter((entry) => entry.endsWith('.DS_Store'))).toHaveLength(3)
  })

  test.each([
    [undefined, 'undefined'],
    ['', '""'],
    [7, '7'],
    [new URL('https://example.com/parking'), 'https://example.com/parking'],
  ])('the folder %s of parked records is refused', (directory, shown) => {
    expect(() => fileParkingStore(directory as never)).toThrow(
      expect.objectContaining({
        code: 'options.invalid',
        message: `Option directory is ${shown}, but must be a path or a file: URL.`,
      }),
    )
  })

  test.each([-1, 1.5, Number.NaN, 2 ** 53, '1'])(
    'the epoch %s of parked records is refused',
    async (epoch) => {
      const lease = await store.acquire(NAME, { epoch: 3 })
      await expect(store.acquire(NAME, { epoch: epoch as number })).rejects.toMatchObject({
        code: 'options.invalid',
        details: { option: 'epoch' },
      })
      await lease.requests()
    },
  )

  test('a name of parked records with a lone surrogate is refused by every method', async () => {
    const name = 'orders\ud800'
    const calls = [
      () => store.acquire(name),
      () => collect(store.list(name)),
      () => store.get(name, A),
      () => collect(store.records(name, A)),
      () => store.release(name, A),
      () => store.drop(name, A),
    ]
    for (const call of calls) {
      await expect((async () => call())()).rejects.toMatchObject({
        code: 'options.invalid',
        details: { option: 'name' },
      })
    }
  })
})

describe('segments of parked records', () => {
  const LIMITS = { bytes: 100_000, records: 10 }
  beforeEach(() => {
    store = createFileStore(folder, nodeFiles, LIMITS)
  })

  test('segments are deleted while the key that they belong to is still being released', async () => {
    const lease = await store.acquire(NAME)
    await lease.save([{ key: keyOf('a', 99), added: recordsOf(0, 100) }])
    const counts: number[] = []
    for (const finished of [8, 9, 10, 55, 98, 99]) {
      await lease.save([{ key: finishedAt(finished, 99), added: [] }])
      counts.push((await readdir(await pathOf('records'))).length)
    }
    expect(counts).toEqual([10, 9, 9, 5, 1, 0])
    await lease.save([{ key: finishedAt(99, 100), added: recordsOf(100, 101) }])
    expect(await collect(store.records(NAME, A))).toEqual(recordsOf(100, 101))
  })

  test('a segment ends after its limit of bytes, and a record that is larger has one for itself', async () => {
    const lease = await store.acquire(NAME)
    const sizes = [60_000, 60_000, 1, 250_000, 250_000, 1, 1]
    const added = sizes.map((size, index) => record(index, 'x'.repeat(size)))
    await lease.save([{ key: keyOf('a', 6), added }])
    const keyFile = JSON.parse(await readFile(await onlyFileIn('keys'), 'utf8'))
    expect(keyFile.segments.map(({ records }: { records: number }) => records)).toEqual([2, 2, 1, 2])
    expect(await collect(store.records(NAME, A))).toEqual(added)
  })

  test('a worker never writes to a segment of an earlier worker', async () => {
    const first = await store.acquire(NAME)
    await first.save([{ key: keyOf('a', 1), added: recordsOf(0, 2) }])
    const path = await onlyFileIn('records')
    const before = await readFile(path)
    const second = await store.acquire(NAME)
    await second.save([{ key: keyOf('a', 3), added: recordsOf(2, 4) }])
    const names = await readdir(await pathOf('records'))
    expect(names).toHaveLength(2)
    const contents = await Promise.all(
      names.map(async (name) => readFile(join(await pathOf('records'), name))),
    )
    expect(contents.some((content) => content.equals(before))).toBe(true)
  })

  test('bytes that a former worker writes behind its last commit are never read', async () => {
    const first = await store.acquire(NAME)
    await first.save([{ key: keyOf('a', 1), added: recordsOf(0, 2) }])
    await store.acquire(NAME)
    await appendFile(await onlyFileIn('records'), '{"position":"0002","crc32":1,"content":"late"}\n')
    expect(await collect(store.records(NAME, A))).toEqual(recordsOf(0, 2))
    const next = await store.acquire(NAME)
    await next.save([{ key: keyOf('a', 2), added: recordsOf(2, 3) }])
    expect(await readAll(next)).toEqual(recordsOf(0, 3))
  })
})

describe('reading parked records from files', () => {
  /** Counts the bytes of records that are read. */
  function countingFiles(): { files: DurableFiles; bytes(): number } {
    let bytes = 0
    const files: DurableFiles = {
      ...nodeFiles,
      async read(path, offset, length) {
        const chunk = await nodeFiles.read(path, offset, length)
        bytes += chunk.length
        return chunk
      },
    }
    return { files, bytes: () => bytes }
  }

  test('opening the file parking store reads no records, and a page does not read the others', async () => {
    const limits = { bytes: 16_777_216, records: 10_000 }
    const added = Array.from({ length: 5_000 }, (_, index) => record(index, 'x'.repeat(2_000)))
    const writer = await createFileStore(folder, nodeFiles, limits).acquire(NAME)
    await writer.save([{ key: keyOf('a', 4_999), added }])
    const counted = countingFiles()
    const lease = await createFileStore(folder, counted.files, limits).acquire(NAME)
    expect(counted.bytes()).toBe(0)
    let last: string | undefined
    for (let page = 0; page < 10; page++) {
      const records = await lease.read(A, last, 100)
      expect(records).toHaveLength(100)
      last = records.at(-1)?.position
    }
    // Of 10 MB. Each page has 200 kB.
    expect(counted.bytes()).toBeLessThan(6_000_000)
  })

  test('a page of large records has about 4 MB, whatever its limit is', async () => {
    const lease = await store.acquire(NAME)
    const added = Array.from({ length: 30 }, (_, index) => record(index, 'x'.repeat(1_000_000)))
    await lease.save([{ key: keyOf('a', 29), added }])
    const first = await lease.read(A, undefined, 1_000)
    expect(first.length).toBe(5)
    expect(await lease.read(A, first.at(-1)?.position, 2)).toEqual(added.slice(5, 7))
  })

  test('50,000 records of 2 kB are parked, read and finished with a heap of 48 MB', async () => {
    const program = `
      ${importModule('file.ts')}
      const lease = await module.fileParkingStore(${JSON.stringify(folder)}).acquire('orders')
      const keyOf = (count, finished) => ({ keyHash: 'a'.repeat(22), key: '{}', state: 'parked', parkedAt: 0,
        records: count, last: positionOf(count - 1), ...(finished && { finished }) })
      const positionOf = (index) => String(index).padStart(40, '0')
      for (let count = 0; count < 50_000; count += 500) {
        const added = Array.from({ length: 500 }, (_, index) => ({
          position: positionOf(count + index), content: String(count + index).repeat(2_000).slice(0, 2_000) }))
        await lease.save([{ key: keyOf(count + 500), added }])
      }
      let read = 0
      let external = 0
      for (let last; ; ) {
        const records = await lease.read('a'.repeat(22), last, 100)
        if (records.length === 0) break
        for (const { position, content } of records) {
          if (Number(position) !== read || !content.startsWith(String(read))) throw new Error(position)
          read++
        }
        last = records.at(-1).position
        external = Math.max(external, process.memoryUsage().external)
        if (read % 5_000 === 0) await lease.save([{ key: keyOf(50_000, last), added: [] }])
      }
      console.log(JSON.stringify({ read, external }))`
    const arguments_ = ['--max-old-space-size=48', '--input-type=module', '--eval', program]
    const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines: string[] = []
    createInterface(child.stdout).on('line', (line) => lines.push(line))
    expect(await once(child, 'close')).toEqual([0, null])
    const { read, external } = JSON.parse(lines.at(-1) ?? '')
    expect(read).toBe(50_000)
    expect(external).toBeLessThan(64_000_000)
    expect(await readdir(await pathOf('records'))).toEqual([])
  })
})

test('a process that is killed with SIGKILL at any moment loses no save that has resolved', async () => {
  const program = `
    ${importModule('file.ts')}
    const lease = await module.fileParkingStore(${JSON.stringify(folder)}).acquire('orders')
    const [{ records: from } = { records: 0 }] = lease.keys
    const positionOf = (index) => String(index).padStart(4, '0')
    for (let index = from; ; index += 3) {
      const key = { keyHash: ${JSON.stringify(A)}, key: '{}', state: 'parked', parkedAt: 0,
        records: index + 3, last: positionOf(index + 2) }
      const added = [0, 1, 2].map((offset) => ({
        position: positionOf(index + offset), content: 'content ' + (index + offset) }))
      await lease.save([{ key, added }])
      console.log(index + 3)
    }`
  let saved = 0
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let lines = 0
    for await (const line of createInterface(child.stdout)) {
      saved = Number(line)
      // While the following save is in flight.
      if (++lines === 5 + round * 7) child.kill('SIGKILL')
    }
    const records = await collect(store.records(NAME, A))
    const [key] = await collect(store.list(NAME))
    expect(records.length).toBeGreaterThanOrEqual(saved)
    expect(records).toEqual(recordsOf(0, key?.records ?? 0))
  }
  expect(saved).toBeGreaterThan(100)
})

/** Returns the code that imports a source file as `module`. */
function importModule(file: string): string {
  const url = new URL(`../../../src/parking/${file}`, import.meta.url).href
  return `
    const { tsImport } = await import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    const module = await tsImport(${JSON.stringify(url)}, ${JSON.stringify(import.meta.url)})`
}
