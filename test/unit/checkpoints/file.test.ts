import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkpointFileName } from '../../../src/checkpoints/checkpoint-file-name.ts'
import { fileCheckpointStore, singleFileCheckpointStore } from '../../../src/checkpoints/file.ts'
import type { StreamToken } from '../../../src/position/token.ts'

const token: StreamToken = { version: 1, streamArn: 'arn:aws:dynamodb:::table/t/stream/1', shards: [] }
const isRoot = process.getuid?.() === 0
const isPosix = process.platform !== 'win32'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoints-'))
})
afterEach(() => rm(folder, { recursive: true }))

const code = (expected: string, message: RegExp) =>
  expect.objectContaining({ code: expected, message: expect.stringMatching(message) })

test('a checkpoint file is named after its checkpoint and contains the token', async () => {
  await fileCheckpointStore(folder).save('indexer', token)
  expect(await readdir(folder)).toEqual(['indexer.json'])
  expect(JSON.parse(await readFile(join(folder, 'indexer.json'), 'utf8'))).toEqual(token)
})

test('the folder of checkpoint files can be a file: URL', async () => {
  await fileCheckpointStore(pathToFileURL(folder)).save('indexer', token)
  expect(await readdir(folder)).toEqual(['indexer.json'])
})

test.runIf(isPosix)(
  'the folders of a checkpoint file are created at the first save, and only the owner can access them and the file',
  async () => {
    const deep = join(folder, 'var', 'checkpoints')
    const store = fileCheckpointStore(deep)
    expect(await store.load('indexer')).toBeUndefined()
    expect(await readdir(folder)).toEqual([])
    await store.save('indexer', token)
    const modeOf = async (path: string) => (await stat(path)).mode & 0o777
    expect(await modeOf(join(deep, 'indexer.json'))).toBe(0o600)
    expect(await modeOf(deep)).toBe(0o700)
    expect(await modeOf(join(folder, 'var'))).toBe(0o700)
  },
)

test('a folder of checkpoint files that was deleted between two saves is created again', async () => {
  const deep = join(folder, 'checkpoints')
  const store = fileCheckpointStore(deep)
  await store.save('indexer', token)
  await rm(deep, { recursive: true })
  await store.save('indexer', token)
  expect(await store.load('indexer')).toEqual(token)
})

test('a single-file store saves to exactly the file that was passed to it', async () => {
  const store = singleFileCheckpointStore(join(folder, 'My Checkpoint'))
  await store.save('whatever', token)
  expect(await readdir(folder)).toEqual(['My Checkpoint'])
  expect(await store.load('anything')).toEqual(token)
})

describe('checkpoint file names', () => {
  test.each([
    ['indexer', 'indexer.json'],
    ['orders-v1.2_b', 'orders-v1.2_b.json'],
    ['Orders', '%4frders.json'],
    ['..', '%2e..json'],
    ['../a', '%2e.%2fa.json'],
    ['a/b\\c', 'a%2fb%5cc.json'],
    ['é', '%c3%a9.json'],
    ['', '.json'],
    ['nul', '%6eul.json'],
    ['com1.v2', '%63om1.v2.json'],
    ['console', 'console.json'],
  ])('the checkpoint %j is stored in the file %s', (name, file) => {
    expect(checkpointFileName(name)).toBe(file)
  })

  test('long checkpoint names fit into a file name and remain different', () => {
    const [first, second] = ['1', '2'].map((end) => checkpointFileName('ä'.repeat(500) + end))
    expect(first).not.toBe(second)
    expect(first?.length).toBeLessThan(255 - 22)
  })
})

describe('a file without JSON', () => {
  test.each([
    ['', /indexer\.json of the checkpoint "indexer" is empty/],
    ['{"version":1,', /indexer\.json of the checkpoint "indexer" does not contain a token as JSON/],
  ])('a file that contains %j is rejected with its path and left unchanged', async (text, message) => {
    const path = join(folder, 'indexer.json')
    await writeFile(path, text)
    await expect(fileCheckpointStore(folder).load('indexer')).rejects.toEqual(code('token.invalid', message))
    expect(await readFile(path, 'utf8')).toBe(text)
  })
})

describe('system errors', () => {
  test('a folder in place of the checkpoint file is reported in plain words', async () => {
    await mkdir(join(folder, 'indexer.json'))
    const store = fileCheckpointStore(folder)
    const message = /the checkpoint "indexer" .*indexer\.json: it is a folder \(EISDIR\)/
    await expect(store.load('indexer')).rejects.toEqual(code('checkpoint.failed', message))
    await expect(store.save('indexer', token)).rejects.toEqual(code('checkpoint.failed', message))
    expect(await readdir(folder)).toEqual(['indexer.json'])
  })

  test('a file in place of the checkpoint folder is reported in plain words', async () => {
    await writeFile(join(folder, 'file'), '')
    const store = fileCheckpointStore(join(folder, 'file'))
    await expect(store.save('indexer', token)).rejects.toEqual(
      code('checkpoint.failed', /a part of the path is a file/),
    )
  })

  test.runIf(isPosix && !isRoot)(
    'a checkpoint folder without write permission is reported in plain words',
    async () => {
      await chmod(folder, 0o500)
      const save = fileCheckpointStore(folder).save('indexer', token)
      await expect(save).rejects.toEqual(code('checkpoint.failed', /permission denied \(EACCES\)/))
      await chmod(folder, 0o700)
    },
  )

  test.runIf(process.platform === 'linux')(
    'a write that fails halfway leaves the old checkpoint file and no other file',
    async () => {
      const path = join(folder, 'indexer.json')
      await fileCheckpointStore(folder).save('indexer', token)
      // A file size limit stops the write after some kilobytes, as a full disk does.
      const program = `
        ${importModule('file.ts')}
        const token = { fill: 'x'.repeat(1_000_000) }
        await module.fileCheckpointStore(${JSON.stringify(folder)}).save('indexer', token).catch((error) => console.log(error.message))`
      const child = spawn('sh', [
        '-c',
        'ulimit -f 8 && exec "$@"',
        'sh',
        process.execPath,
        ...nodeArguments(program),
      ])
      const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
      expect(output).toMatch(
        /^Cannot save the checkpoint "indexer" to .*: the file would be too large \(EFBIG\)\.\n$/,
      )
      expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(token)
      expect(await readdir(folder)).toEqual(['indexer.json'])
    },
  )
})

test('temporary files of crashed writers are removed, but neither recent ones nor other files', async () => {
  const leftover = 'indexer.json.0123456789abcdef.tmp'
  const others = [
    'indexer.json.fedcba9876543210.tmp', // of a writer that is running
    'other.json.0123456789abcdef.tmp',
    'indexer.json.bak.tmp',
    'indexer.json.0123456789abcdef',
  ]
  for (const name of [leftover, ...others]) await writeFile(join(folder, name), '')
  const longAgo = Date.now() / 1000 - 86_400
  for (const name of [leftover, ...others.slice(1)]) await utimes(join(folder, name), longAgo, longAgo)
  await fileCheckpointStore(folder).save('indexer', token)
  expect((await readdir(folder)).sort()).toEqual(['indexer.json', ...others].sort())
})

test('concurrent writers of one checkpoint, in this and in another process, never produce a torn file', async () => {
  const tokenOf = (worker: string, size: number) => ({
    ...token,
    worker,
    shards: [],
    fill: worker.repeat(size),
  })
  const path = join(folder, 'indexer.json')
  const program = `
    ${importModule('atomic-file.ts')}
    const text = JSON.stringify({ fill: 'c'.repeat(200_000) })
    for (let n = 0; n < 40; n++) await module.writeFileAtomically(${JSON.stringify(path)}, text)`
  const child = spawn(process.execPath, nodeArguments(program), { stdio: 'inherit' })
  let isRunning = true
  const exited = once(child, 'exit').finally(() => {
    isRunning = false
  })
  const stores = ['a', 'b'].map((worker) => ({ worker, store: fileCheckpointStore(folder) }))
  let seen = 0
  while (isRunning) {
    await Promise.all(stores.map(({ worker, store }) => store.save('indexer', tokenOf(worker, 200_000))))
    // A torn file would not parse, or would contain more than one letter.
    const { fill } = JSON.parse(await readFile(path, 'utf8'))
    expect(fill).toBe(fill[0].repeat(200_000))
    seen++
  }
  expect(await exited).toEqual([0, null])
  expect(seen).toBeGreaterThan(0)
  expect(await readdir(folder)).toEqual(['indexer.json'])
})

/** Returns the Node.js arguments that run `program`. */
function nodeArguments(program: string): string[] {
  return ['--input-type=module', '--eval', program]
}

/** Returns the code that imports a source file as `module`. */
function importModule(file: string): string {
  const url = new URL(`../../../src/checkpoints/${file}`, import.meta.url).href
  return `
    const { tsImport } = await import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    const module = await tsImport(${JSON.stringify(url)}, ${JSON.stringify(import.meta.url)})`
}

test.runIf(isPosix)(
  'a checkpoint file that is a relative symbolic link is resolved against the real folder of the link',
  async () => {
    const volume = join(folder, 'volumes', 'app')
    await mkdir(join(volume, 'checkpoints'), { recursive: true })
    await mkdir(join(volume, 'data'))
    await symlink(join(volume, 'checkpoints'), join(folder, 'checkpoints'))
    await symlink(join('..', 'data', 'indexer.json'), join(volume, 'checkpoints', 'indexer.json'))
    await fileCheckpointStore(join(folder, 'checkpoints')).save('indexer', token)
    expect(await readdir(join(volume, 'data'))).toEqual(['indexer.json'])
    expect(await fileCheckpointStore(join(folder, 'checkpoints')).load('indexer')).toEqual(token)
  },
)
