import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import { runHere, startProgram } from '../../test/cli/support.ts'

const program = fileURLToPath(new URL('worker.ts', import.meta.url))

test('the worker prints when it falls behind and when it has caught up, and its lag can be measured after it was killed', async () => {
  const emulator = new StreamEmulator({ tableName: 'orders' })
  await using server = await emulator.listen()
  const recover = emulator.on(
    'GetRecords',
    { times: Number.POSITIVE_INFINITY },
    { fail: 'ThrottlingException' },
  )
  const folder = mkdtempSync(join(tmpdir(), 'lag-alarm-'))
  const { child, seen, ended } = startProgram(program, ['orders'], {
    AWS_ENDPOINT_URL: server.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    STATE_DIRECTORY: folder,
    MAX_BEHIND_SECONDS: '0.5',
    FOR_SECONDS: '0',
    CHECK_SECONDS: '0.1',
  })
  await seen('stderr', '{"alarm":"behind","state":"raised"')
  recover()
  await seen('stderr', '{"alarm":"behind","state":"cleared"')
  child.kill('SIGKILL')
  await ended

  emulator.put({ id: 'late' }, { createdAt: Date.now() - 30 * 60_000 })
  const { code, stdout } = await runHere([
    ...['lag', '--table', 'orders', '--endpoint', server.url, '--json'],
    ...['--checkpoint', join(folder, 'checkpoints', 'printer.json')],
  ])
  expect(code).toBe(0)
  const { millisBehindLatest, retentionHeadroomMs } = JSON.parse(stdout)
  expect(millisBehindLatest).toBeGreaterThanOrEqual(30 * 60_000)
  expect(retentionHeadroomMs).toBeLessThanOrEqual(23.5 * 3_600_000)
})
