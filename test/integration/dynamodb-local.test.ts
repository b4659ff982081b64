import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ListTablesCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { startDynamoDBLocal } from '../support/dynamodb-local.ts'
import { whyNotLocal } from '../support/requirements.ts'
import { describeOnLocal } from '../support/shared-local.ts'

describe.skipIf(whyNotLocal('current'))('startDynamoDBLocal', () => {
  test('starts a server that answers, and ends it', async () => {
    const local = await startDynamoDBLocal({ version: 'current' })
    const client = local.tableClient({ maxAttempts: 1 })
    expect((await client.send(new ListTablesCommand({}))).TableNames).toEqual([])
    await local.stop()
    await local.stop()
    await expect(client.send(new ListTablesCommand({}))).rejects.toThrow()
    client.destroy()
  })
})

describe.skipIf(whyNotLocal('rolling'))('the rolling version', () => {
  test('has a clock as fast as the one that it gives to the library', async () => {
    await using local = await startDynamoDBLocal({ version: 'rolling' })
    const look = async () => {
      for (;;) {
        const earliest = local.clock.now()
        // A busy machine may find the connection reset: the server's idle time-out is over in 20 ms.
        const answer = await fetch(local.endpoint, { headers: { connection: 'close' } }).catch(
          () => undefined,
        )
        const server = Date.parse(answer?.headers.get('date') ?? '')
        if (answer) return { earliest, server, latest: local.clock.now() }
      }
    }
    const [first, , second] = [await look(), await sleep(systemClock, 600_000 / local.speed), await look()]
    const passed = second.server - first.server
    expect(passed).toBeGreaterThanOrEqual(second.earliest - first.latest - 1_000)
    expect(passed).toBeLessThanOrEqual(second.latest - first.earliest + 1_000)
    expect(passed).toBeGreaterThan(300_000)
  })
})

describe('the watchdog', () => {
  test('ends its command when the process that started it goes away without a word', async () => {
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
    await once(starter.stdout, 'close') // the command held it open
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

describeOnLocal('the shared DynamoDB Local', (local) => {
  test('answers', async () => {
    const client = local.tableClient()
    await expect(client.send(new ListTablesCommand({}))).resolves.toHaveProperty('TableNames')
    client.destroy()
  })
})
