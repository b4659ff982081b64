import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, existsSync } from 'node:fs'
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fileDestination } from '../../../src/destinations/file.ts'
import { letterBody } from '../../../src/destinations/serialize-letter.ts'
import { letterOf } from '../../support/dead-letters.ts'

const isPosix = process.platform !== 'win32'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dead-letters-'))
  path = join(folder, 'dead.jsonl')
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

const content = () => readFile(path, 'utf8')
const letters = (count: number) =>
  Array.from({ length: count }, (_, index) => letterOf({ task: `task ${index}` }))
const idsIn = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).requestContext.requestId)

/** The methods that all file handles share. */
async function handleMethods(): Promise<{
  sync(): Promise<void>
  write(...args: unknown[]): Promise<unknown>
}> {
  const file = await open(folder, 'r')
  await file.close()
  return Object.getPrototypeOf(file)
}

test('each letter is one line, as Lambda writes it to S3', async () => {
  const destination = fileDestination(path)
  const [first, second] = [letterOf(), letterOf({ condition: 'Rejected' })]
  await destination.send(first)
  await destination.send(second)
  expect(await content()).toBe(`${letterBody(first, 's3')}\n${letterBody(second, 's3')}\n`)
})

test.each([
  ['a path', () => path],
  ['a file: URL', () => pathToFileURL(path)],
  ['an object with a path', () => ({ path })],
  ['an object with a file: URL', () => ({ path: pathToFileURL(path) })],
])('the file of a destination can be %s', async (_, options) => {
  await fileDestination(options()).send(letterOf())
  expect(idsIn(await content())).toEqual([letterOf().id])
})

test.each([
  ['nothing', undefined],
  ['an empty path', ''],
  ['a path with a zero byte', 'a\0b'],
  ['an URL of another scheme', new URL('https://example.com/a')],
  ['a number', 7],
  ['null', null],
  ['an empty object', {}],
  ['an unknown option', { file: 'a' }],
])('a file destination refuses %s', (_, options) => {
  expect(() => fileDestination(options as never)).toThrow(
    expect.objectContaining({ code: 'options.invalid' }),
  )
})

test('a relative path is resolved when the destination is created, not when a letter is sent', async () => {
  const cwd = vi.spyOn(process, 'cwd').mockReturnValue(folder)
  const destination = fileDestination('dead.jsonl')
  cwd.mockReturnValue('/')
  await destination.send(letterOf())
  expect(idsIn(await content())).toHaveLength(1)
})

test.runIf(isPosix)('the file and its folders are created, and only the owner can access them', async () => {
  path = join(folder, 'a', 'b', 'dead.jsonl')
  await fileDestination(path).send(letterOf())
  const modeOf = async (file: string) => (await stat(file)).mode & 0o777
  expect(await Promise.all([path, dirname(path), join(folder, 'a')].map(modeOf))).toEqual([
    0o600, 0o700, 0o700,
  ])
})

test('check() creates the file and its folder, and does not change an existing file', async () => {
  path = join(folder, 'a', 'dead.jsonl')
  const destination = fileDestination(path)
  await destination.check?.()
  expect(await content()).toBe('')
  await writeFile(path, 'partial')
  await destination.check?.()
  expect(await content()).toBe('partial')
})

test('a line that a crash left incomplete stays on a line of its own, and the next letters are complete', async () => {
  const [first, second] = [letterOf(), letterOf({ task: 'a' })]
  const half = letterBody(first, 's3').slice(0, 100)
  await writeFile(path, `${letterBody(first, 's3')}\n${half}`)
  const destination = fileDestination(path)
  await Promise.all([destination.send(first), destination.send(second)])
  const lines = [letterBody(first, 's3'), half, letterBody(first, 's3'), letterBody(second, 's3')]
  expect(await content()).toBe(`${lines.join('\n')}\n`)
})

test('a line break is not added to a file that ends with one, and not to an empty file', async () => {
  await writeFile(path, '')
  await fileDestination(path).send(letterOf())
  await fileDestination(path).send(letterOf())
  expect(await content()).toBe(`${letterBody(letterOf(), 's3')}\n`.repeat(2))
})

test('send() resolves only after the file has been synced, and the folder of a new file', async () => {
  const methods = await handleMethods()
  const pending: (() => void)[] = []
  const sync = vi
    .spyOn(methods, 'sync')
    .mockImplementation(() => new Promise((resolve) => pending.push(resolve)))
  let isSent = false
  const sent = fileDestination(path)
    .send(letterOf())
    .then(() => {
      isSent = true
    })
  for (const count of [1, 2]) {
    await vi.waitFor(() => expect(sync).toHaveBeenCalledTimes(count))
    expect(await content()).toBe(`${letterBody(letterOf(), 's3')}\n`)
    await new Promise(setImmediate)
    expect(isSent).toBe(false)
    pending.shift()?.()
  }
  await sent
})

test('letters that are sent concurrently share a sync, and those sent during it share the next one', async () => {
  await writeFile(path, '\n')
  const methods = await handleMethods()
  const original = methods.sync
  const sync = vi.spyOn(methods, 'sync')
  const destination = fileDestination(path)
  const [early, late] = [letters(200).slice(0, 100), letters(200).slice(100)]
  let lateSends: Promise<void>[] = []
  sync.mockImplementationOnce(async function (this: typeof methods) {
    lateSends = late.map((letter) => destination.send(letter))
    return await original.call(this)
  })
  await Promise.all(early.map((letter) => destination.send(letter)))
  await Promise.all(lateSends)
  expect(sync).toHaveBeenCalledTimes(2)
  expect(idsIn(await content())).toEqual([...early, ...late].map(({ id }) => id))
})

test('a line is completed if the system writes only a part of it at a time', async () => {
  const methods = await handleMethods()
  const original = methods.write
  vi.spyOn(methods, 'write').mockImplementation(function (this: unknown, ...[bytes, offset]: unknown[]) {
    return original.call(
      this as typeof methods,
      bytes,
      offset,
      Math.min(7, (bytes as Buffer).length - Number(offset)),
    )
  })
  await fileDestination(path).send(letterOf())
  expect(await content()).toBe(`${letterBody(letterOf(), 's3')}\n`)
})

test('if syncing fails, all letters of the batch are rejected, and all are stored when they are sent again', async () => {
  const methods = await handleMethods()
  const cause = Object.assign(new Error('write failed'), { code: 'EIO' })
  vi.spyOn(methods, 'sync').mockRejectedValueOnce(cause)
  const destination = fileDestination(path)
  const results = await Promise.allSettled(letters(5).map((letter) => destination.send(letter)))
  expect(results.map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
  expect(results[0]).toMatchObject({
    reason: { code: 'destination.failed', details: { destination: path, operation: 'send' }, cause },
  })
  await Promise.all(letters(5).map((letter) => destination.send(letter)))
  expect(new Set(idsIn(await content()))).toEqual(new Set(letters(5).map(({ id }) => id)))
})

test.runIf(isPosix)('letters can be written to a pipe, which cannot be synced', async () => {
  execFileSync('mkfifo', [path])
  const pipe = await open(path, 'r+')
  try {
    const destination = fileDestination(path)
    await destination.check?.()
    await destination.send(letterOf())
    const { buffer, bytesRead } = await pipe.read(Buffer.alloc(65_536))
    expect(buffer.toString('utf8', 0, bytesRead)).toBe(`${letterBody(letterOf(), 's3')}\n`)
  } finally {
    await pipe.close()
  }
})

test.each(['EINVAL', 'ENOTSUP'])(
  'a letter is rejected if a regular file cannot be synced (%s)',
  async (code) => {
    const cause = Object.assign(new Error('sync failed'), { code })
    vi.spyOn(await handleMethods(), 'sync').mockRejectedValueOnce(cause)
    await expect(fileDestination(path).send(letterOf())).rejects.toMatchObject({
      code: 'destination.failed',
      cause: { code },
    })
  },
)

test.runIf(isPosix)('a letter is rejected if a pipe fails for another reason', async () => {
  execFileSync('mkfifo', [path])
  const cause = Object.assign(new Error('sync failed'), { code: 'EIO' })
  vi.spyOn(await handleMethods(), 'sync').mockRejectedValueOnce(cause)
  await expect(fileDestination(path).send(letterOf())).rejects.toMatchObject({ cause: { code: 'EIO' } })
})

test('after a line was written in part, the next attempt starts on a line of its own', async () => {
  const methods = await handleMethods()
  const original = methods.write
  const write = vi.spyOn(methods, 'write')
  write.mockImplementationOnce(async function (this: unknown, ...[bytes]: unknown[]) {
    await original.call(this as typeof methods, bytes, 0, 50)
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
  })
  const destination = fileDestination(path)
  await expect(destination.send(letterOf())).rejects.toThrow(/no space left on the device \(ENOSPC\)\.$/)
  await destination.send(letterOf())
  const [partial, complete, end] = (await content()).split('\n')
  expect(partial).toBe(letterBody(letterOf(), 's3').slice(0, 50))
  expect([complete, end]).toEqual([letterBody(letterOf(), 's3'), ''])
})

test.runIf(existsSync('/dev/full'))(
  'a full disk is reported, and letters are accepted once there is space',
  async () => {
    await symlink('/dev/full', path)
    const destination = fileDestination(path)
    await expect(destination.send(letterOf())).rejects.toMatchObject({
      code: 'destination.failed',
      cause: { code: 'ENOSPC' },
    })
    await rm(path)
    await destination.send(letterOf())
    expect(idsIn(await content())).toEqual([letterOf().id])
  },
)

test('check() and send() report that the file cannot be written, and why', async () => {
  await mkdir(path)
  const destination = fileDestination(path)
  for (const [operation, call] of [
    ['check', () => destination.check?.()],
    ['send', () => destination.send(letterOf())],
  ] as const) {
    await expect(call).rejects.toMatchObject({
      code: 'destination.failed',
      message: `Cannot append dead letters to ${path}: it is a folder (EISDIR).`,
      details: { destination: path, operation },
      cause: { code: 'EISDIR' },
    })
  }
})

test('after the file was moved or deleted, as log rotation does, letters are appended to a new one', async () => {
  const destination = fileDestination(path)
  const [first, second, third] = letters(3)
  if (!first || !second || !third) throw new Error('unreachable')
  await destination.send(first)
  await rename(path, `${path}.1`)
  await destination.send(second)
  expect(idsIn(await content())).toEqual([second.id])
  expect(idsIn(await readFile(`${path}.1`, 'utf8'))).toEqual([first.id])
  await rm(path)
  await destination.send(third)
  expect(idsIn(await content())).toEqual([third.id])
})

test.runIf(process.platform === 'linux')('no file stays open after a letter was sent or failed', async () => {
  const isOpen = async () => {
    const files = await readdir('/proc/self/fd')
    const targets = await Promise.all(files.map((file) => readlink(`/proc/self/fd/${file}`).catch(() => '')))
    return targets.some((target) => target.startsWith(folder))
  }
  const probe = await open(folder, 'r')
  expect(await isOpen()).toBe(true)
  await probe.close()
  const destination = fileDestination(path)
  await destination.send(letterOf())
  expect(await isOpen()).toBe(false)
  vi.spyOn(await handleMethods(), 'sync').mockRejectedValueOnce(new Error('failed'))
  await expect(destination.send(letterOf())).rejects.toThrow('failed')
  expect(await isOpen()).toBe(false)
})

test('close() resolves once the letters that were sent before are on disk, and letters can be sent afterwards', async () => {
  const destination = fileDestination(path)
  const sends = letters(20).map((letter) => destination.send(letter))
  await destination.close?.()
  expect(idsIn(await content())).toHaveLength(20)
  await Promise.all(sends)
  await destination.send(letterOf())
  await destination.close?.()
  expect(idsIn(await content())).toHaveLength(21)
})

test('close() does not reject if a letter that was sent before fails: send() does', async () => {
  await mkdir(path)
  const destination = fileDestination(path)
  const sent = destination.send(letterOf())
  await expect(destination.close?.()).resolves.toBeUndefined()
  await expect(sent).rejects.toMatchObject({ code: 'destination.failed' })
})

test('line readers of other kinds, such as readline, see one line per letter', async () => {
  const reason = 'a\u2028b\u2029c\u0085d\re\nf\u000bg\u000ch\u001ci'
  await fileDestination(path).send(letterOf({ reason }))
  const lines: string[] = []
  for await (const line of createInterface({ input: createReadStream(path) })) lines.push(line)
  expect(lines.map((line) => JSON.parse(line).failure.reason)).toEqual([reason])
  expect(await content()).not.toMatch(/[\u2028\u2029\u0085]/)
})

test('two destinations with the same file, as in two processes, do not mix their lines', async () => {
  const destinations = [fileDestination(path), fileDestination(path)]
  await Promise.all(letters(100).map((letter, index) => destinations[index % 2]?.send(letter)))
  expect(idsIn(await content()).sort()).toEqual(
    letters(100)
      .map(({ id }) => id)
      .sort(),
  )
})

test('a process that is killed while it writes leaves at most one incomplete line, and every accepted letter', async () => {
  const program = `
    import { fileDestination } from ${JSON.stringify(new URL('../../../src/destinations/file.ts', import.meta.url).href)}
    import { letterOf } from ${JSON.stringify(new URL('../../support/dead-letters.ts', import.meta.url).href)}
    const destination = fileDestination(process.argv.at(-1))
    for (let index = 0; ; index++) {
      await Promise.all(Array.from({ length: 20 }, async (_, part) => {
        const letter = letterOf({ task: index + ' ' + part })
        await destination.send(letter)
        process.stdout.write(letter.id + '\\n')
      }))
    }`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
    if (output.length > 20_000) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const accepted = output.split('\n').slice(0, -1)
  expect(accepted.length).toBeGreaterThan(100)
  const after = letterOf({ task: 'after the crash' })
  await fileDestination(path).send(after)
  const stored = new Set<string>()
  let broken = 0
  for (const line of (await content()).split('\n').filter(Boolean)) {
    try {
      stored.add(JSON.parse(line).requestContext.requestId)
    } catch {
      broken++
    }
  }
  expect(broken).toBeLessThanOrEqual(1)
  expect(accepted.filter((id) => !stored.has(id))).toEqual([])
  expect(stored).toContain(after.id)
})

test('a letter that cannot be serialized is rejected, and does not affect others', async () => {
  const destination = fileDestination(path)
  const broken = {
    ...letterOf(),
    invocationRecord: () => {
      throw new Error('broken')
    },
  }
  const results = await Promise.allSettled([destination.send(broken), destination.send(letterOf())])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  expect(idsIn(await content())).toEqual([letterOf().id])
})
