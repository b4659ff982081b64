import { once } from 'node:events'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { makePipe, serveEmulator, startCli, temporaryFolder } from './support.ts'

// Processes are slow to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const patience = { timeout: 110_000 }

test.each(['tail', 'lag'])(
  'a second Ctrl-C ends %s while it is blocked reading a silent pipe',
  async (command) => {
    await using served = await serveEmulator()
    const pipe = makePipe(temporaryFolder())
    const { child } = startCli([command, ...served.source, '--from', pipe])
    // Opening fails until the command has opened the pipe, and writing to the full pipe until the command
    // reads it. After that, the next read of the command blocks.
    const writer = await vi.waitFor(() => openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK), patience)
    fill(writer)
    await vi.waitFor(() => writeSync(writer, ' '), patience)
    // Two signals that arrive at the same time are delivered as one.
    await vi.waitFor(() => {
      child.kill('SIGINT')
      expect(child.signalCode ?? child.exitCode).not.toBeNull()
    }, patience)
    closeSync(writer)
  },
)

test.each([
  ['tail', 0],
  ['shards', 130],
  ['lag', 130],
] as const)(
  '%s that is stopped with Ctrl-C before it has printed anything exits with %i',
  async (command, code) => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const { child, ended } = startCli([command, '--table', 'orders', '--endpoint', endpoint])
    await once(silent, 'request')
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code, stdout: '', stderr: '' })
    silent.closeAllConnections()
    silent.close()
  },
)

test('tail ignores SIGHUP without a terminal, as under nohup', async () => {
  await using served = await serveEmulator()
  const tail = startCli(['tail', ...served.source, '--from', 'trim_horizon'])
  await tail.seen('stderr', 'reading')
  tail.child.kill('SIGHUP')
  for (const id of ['first', 'second']) {
    served.emulator.put({ id })
    await tail.seen('stdout', `"${id}"`)
  }
  tail.child.kill('SIGINT')
  const { code, records } = await tail.ended
  expect({ code, count: records.length }).toEqual({ code: 0, count: 2 })
})

function fill(pipe: number): void {
  try {
    while (writeSync(pipe, ' '.repeat(4_096)) > 0);
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' })
  }
}
