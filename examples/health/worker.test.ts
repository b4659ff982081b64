import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { expect, test, vi } from 'vitest'
import { type Started, startProgram } from '../../test/cli/support.ts'
import { type SearchIndex, startSearchIndex } from './search-index.ts'

const program = fileURLToPath(new URL('worker.ts', import.meta.url))
const patience = { timeout: 60_000 }

/** Everything that outlives a worker: the table, the index, and the folder with the checkpoint. */
async function fixture() {
  const emulator = new StreamEmulator({ tableName: 'orders' })
  const server = await emulator.listen()
  const index = await startSearchIndex()
  const folder = mkdtempSync(join(tmpdir(), 'health-'))
  const start = (stopSeconds: number) =>
    startProgram(program, [], {
      AWS_ENDPOINT_URL: server.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      INDEX_URL: index.url,
      STATE_DIRECTORY: folder,
      HEALTH_PORT: '0',
      STALL_SECONDS: '0.3',
      STOP_SECONDS: String(stopSeconds),
    })
  return {
    emulator,
    index,
    start,
    async [Symbol.asyncDispose]() {
      await index.close()
      await server.close()
    },
  }
}

/** Probes the worker as an orchestrator does. */
async function probes({ seen, output }: Started) {
  await seen('stdout', /"port":\d+/)
  const [, port] = /"port":(\d+)/.exec(output.stdout) ?? []
  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
  return async () => {
    const [ready, live] = await Promise.all([get('/ready'), get('/live')])
    const { state } = (await ready.json()) as { state: string }
    await live.body?.cancel()
    return { state, ready: ready.status, live: live.status }
  }
}

/** Sends SIGTERM, and SIGKILL if the worker has not exited after `stopSeconds`. */
async function terminate(worker: Started, stopSeconds: number): Promise<number | null> {
  worker.child.kill('SIGTERM')
  const timer = setTimeout(() => worker.child.kill('SIGKILL'), stopSeconds * 1_000)
  const { code } = await worker.ended
  clearTimeout(timer)
  return code
}

async function indexed(index: SearchIndex, ids: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect(index.requests).toEqual(ids), patience)
}

test('the probes of a worker follow it from its start through a stall to its stop, and it resumes where it stopped', async () => {
  await using world = await fixture()
  const { emulator, index, start } = world
  const recover = emulator.on(
    'DescribeStream',
    { times: Number.POSITIVE_INFINITY },
    { fail: 'ThrottlingException' },
  )
  emulator.put({ id: 'one' })
  const worker = start(60)
  const probe = await probes(worker)
  expect(await probe()).toEqual({ state: 'starting', ready: 503, live: 200 })
  recover()
  await vi.waitFor(
    async () => expect(await probe()).toEqual({ state: 'running', ready: 200, live: 200 }),
    patience,
  )
  await indexed(index, ['one'])

  index.respondWith(503)
  emulator.put({ id: 'two' })
  await vi.waitFor(
    async () => expect(await probe()).toEqual({ state: 'stalled', ready: 503, live: 200 }),
    patience,
  )
  index.respondWith(200)
  await vi.waitFor(
    async () => expect(await probe()).toEqual({ state: 'running', ready: 200, live: 200 }),
    patience,
  )

  index.requests.length = 0
  index.hold()
  emulator.put({ id: 'three' })
  await indexed(index, ['three'])
  const exit = terminate(worker, 60)
  await vi.waitFor(
    async () => expect(await probe()).toEqual({ state: 'stopping', ready: 503, live: 200 }),
    patience,
  )
  index.respondWith(200) // The running call finishes, and its record counts as handled.
  expect(await exit).toBe(0)

  emulator.put({ id: 'four' })
  const next = start(60)
  await indexed(index, ['three', 'four'])
  expect(await terminate(next, 60)).toBe(0)
  expect(index.requests).toEqual(['three', 'four'])
})

test('a worker whose call hangs when it is stopped exits in time, and only this record is repeated', async () => {
  await using world = await fixture()
  const { emulator, index, start } = world
  for (const id of ['one', 'two']) emulator.put({ id })
  const worker = start(16)
  await vi.waitFor(() => expect(new Set(index.requests)).toEqual(new Set(['one', 'two'])), patience)
  index.hold()
  emulator.put({ id: 'hanging' })
  await vi.waitFor(() => expect(index.requests).toContain('hanging'), patience)
  expect(await terminate(worker, 16)).toBe(0)

  index.requests.length = 0
  index.respondWith(200)
  emulator.put({ id: 'last' })
  const next = start(16)
  await vi.waitFor(() => expect(index.requests).toContain('last'), patience)
  expect(await terminate(next, 16)).toBe(0)
  expect(index.requests.toSorted()).toEqual(['hanging', 'last'])
})

test('a worker that is stopped before the service responds exits with 0', async () => {
  await using world = await fixture()
  const { emulator, start } = world
  emulator.on('*', { times: Number.POSITIVE_INFINITY }, { fail: 'ThrottlingException' })
  const worker = start(30)
  const probe = await probes(worker)
  expect(await probe()).toMatchObject({ state: 'starting' })
  expect(await terminate(worker, 30)).toBe(0)
})

test('a worker that cannot be started exits with 1, so that it is restarted', async () => {
  await using world = await fixture()
  const { emulator, start } = world
  emulator.deleteTable()
  const worker = start(30)
  expect((await worker.ended).code).toBe(1)
  expect(worker.output.stdout).toContain('"event":"failed"')
})
