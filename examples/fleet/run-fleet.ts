import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { type FleetResult, Ledger } from './ledger.ts'
import type { Engine, Report } from './orders.ts'

export interface FleetOptions {
  readonly engine: Engine
  readonly workers: number
  /** The number of changes; each order has ten of them. */
  readonly records: number
  /** Whether the first worker is killed when 40 % of the changes have been handled. */
  readonly kill?: boolean
}

const CHANGES_PER_ORDER = 10

/** Runs one reader and several workers, each in a process, until all changes of all orders are handled. */
export async function runFleet({ engine, workers, records, kill }: FleetOptions): Promise<FleetResult> {
  const orders = Math.ceil(records / CHANGES_PER_ORDER)
  const emulator = new StreamEmulator({ tableName: 'orders', shards: 4 })
  for (let version = 1; version <= CHANGES_PER_ORDER; version++) {
    for (let order = 0; order < orders; order++) emulator.put({ id: `order-${order}`, version })
  }
  emulator.disable()
  const server = await emulator.listen()
  const checkpoints = await mkdtemp(join(tmpdir(), 'fleet-'))
  const processes: ChildProcess[] = []
  const start = (program: string, ...args: string[]) => {
    const child = fork(fileURLToPath(new URL(program, import.meta.url)), args, {
      execArgv: ['--import', 'tsx'],
      env: {
        ...process.env,
        AWS_ENDPOINT_URL: server.url,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        TSX_TSCONFIG_PATH: fileURLToPath(new URL('../../tsconfig.json', import.meta.url)),
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
    })
    processes.push(child)
    return child
  }

  const ledger = new Ledger(orders, CHANGES_PER_ORDER, workers)
  try {
    const fleet = Array.from({ length: workers }, () => start('worker.ts', JSON.stringify(engine)))
    await Promise.all(fleet.map((worker) => once(worker, 'message')))
    for (const [index, worker] of fleet.entries()) {
      worker.on('message', (report: Report) => {
        if (report.kind !== 'handled') return
        ledger.handled(index, report)
        if (worker.connected) worker.send('applied')
        if (kill && index === 0 && ledger.applied >= 0.4 * ledger.total) worker.kill('SIGKILL')
      })
    }
    const reader = start('reader.ts', JSON.stringify(engine), checkpoints)
    const failed = once(reader, 'exit').then(([code]) => {
      if (code !== 0) throw new Error(`The reader has ended with ${code}.`)
    })
    await Promise.race([ledger.complete, failed.then(() => ledger.complete)])
    await failed
    return ledger.result()
  } finally {
    for (const child of processes) child.kill('SIGKILL')
    await server.close()
    await rm(checkpoints, { recursive: true, force: true })
  }
}
