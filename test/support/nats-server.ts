import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, type NatsConnection } from '@nats-io/transport-node'

const watchdog = fileURLToPath(new URL('watchdog.mjs', import.meta.url))

/** Debian installs it outside of the PATH of users. */
const COMMANDS = ['nats-server', '/usr/sbin/nats-server']

/** A server with JetStream, whose data survive a restart. */
export interface NatsServer extends AsyncDisposable {
  /** Such as `nats://127.0.0.1:40123`. */
  readonly url: string
  /** Opens a connection. The caller closes it. It reconnects for as long as the server is down. */
  connect(): Promise<NatsConnection>
  /** Ends the process at once. */
  kill(): Promise<void>
  /** Starts the process again, with the same port and data. */
  restart(): Promise<void>
}

/** Returns why no server can be started, and what to install. Undefined if it can. */
export function whyNotNats(): string | undefined {
  return findCommand() === undefined
    ? 'nats-server is missing (Debian, Ubuntu: apt-get install nats-server)'
    : undefined
}

function findCommand(): string | undefined {
  return COMMANDS.find((command) => spawnSync(command, ['--version']).status === 0)
}

/** Starts a server on a free port. It ends with this process, even if that is killed. */
export async function startNatsServer(): Promise<NatsServer> {
  const command = findCommand()
  if (command === undefined) throw new Error(whyNotNats())
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'nats-'))
  const url = `nats://127.0.0.1:${port}`
  const open = () => connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })

  const start = async () => {
    const args = ['-js', '-a', '127.0.0.1', '-p', String(port), '-sd', folder]
    const child = spawn(process.execPath, [watchdog, command, ...args], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    for (let attempt = 1; child.exitCode === null; attempt++) {
      try {
        await (await open()).close()
        return child
      } catch (error) {
        if (attempt === 200) throw error
        await wait(50)
      }
    }
    throw new Error(`${command} exited with ${child.exitCode}`)
  }

  let child = await start()
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    // The watchdog kills the server.
    child.stdin.end()
    await exited
  }
  return {
    url,
    connect: open,
    kill,
    async restart() {
      await kill()
      child = await start()
    },
    [Symbol.asyncDispose]: kill,
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
