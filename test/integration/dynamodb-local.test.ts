import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ListTablesCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { serverTime, startDynamoDBLocal } from '../support/dynamodb-local.ts'
import { whyNotLocal } from '../support/requirements.ts'
import { describeOnLocal } from '../support/shared-local.ts'

describe.skipIf(whyNotLocal('current'))('startDynamoDBLocal', () => {
  test('startDynamoDBLocal starts a server that responds, and stop() ends it', async () => {
    const local = await startDynamoDBLocal({ version: 'current' })
    const client = local.tableClient({ maxAttempts: 1 })
    expect((await client.send(new ListTablesCommand({}))).TableNames).toEqual([])
    await local.stop()
    await local.stop()
    await expect(client.send(new ListTablesCommand({}))).rejects.toThrow()
    client.destroy()
  })
})

describe.skipIf(whyNotLocal('rolling'))('startDynamoDBLocal with the rolling version', () => {
  test('the clock of the rolling version runs as fast as the clock that the library uses', async () => {
    await using local = await startDynamoDBLocal({ version: 'rolling' })
    const readClocks = async () => {
      for (;;) {
        const earliest = local.clock.now()
        // On a busy machine the request may fail, because the server's idle timeout expires within 20 ms.
        const server = await serverTime(local.endpoint)
        if (server !== undefined) return { earliest, server, latest: local.clock.now() }
      }
    }
    const first = await readClocks()
    await sleep(systemClock, 600_000 / local.speed)
    const second = await readClocks()
    const elapsed = second.server - first.server
    expect(elapsed).toBeGreaterThanOrEqual(second.earliest - first.latest - 1_000)
    expect(elapsed).toBeLessThanOrEqual(second.latest - first.earliest + 1_000)
    expect(elapsed).toBeGreaterThan(300_000)
  })
})

describe('watchdog.mjs', () => {
  test('the watchdog ends its command when the process that started it is killed', async () => {
    const watchdog = fileURLToPath(new URL('../support/watchdog.mjs', import.meta.url))
    const command = `console.log(process.pid); setInterval(() => {}, 1_000)`
    const starter = spawn(
      process.execPath,
      [
        '-e',
        `const { spawn } = require('node:child_process')
         spawn(process.execPath, ${JSON.stringify([watchdog, process.execPath, '-e', command])}, { stdio: ['pipe', 'inherit', 'inherit'], detached: true })`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const [pid] = (await once(starter.stdout, 'data')) as [Buffer]
    expect(isAlive(Number(pid))).toBe(true)
    starter.kill('SIGKILL')
    await once(starter.stdout, 'close') // the command kept it open
    expect(isAlive(Number(pid))).toBe(false)
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describeOnLocal('describeOnLocal', (local) => {
  test('the shared DynamoDB Local responds', async () => {
    const client = local.tableClient()
    await expect(client.send(new ListTablesCommand({}))).resolves.toHaveProperty('TableNames')
    client.destroy()
  })
})
