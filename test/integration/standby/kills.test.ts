import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { below, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { bundleProgram } from '../../support/bundle.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { createTable, putNumber } from '../../support/tables.ts'
import { Fleet, type FleetWorker } from './fleet.ts'
import { EFFECTS, type Effect, type WorkerEvent } from './worker-log.ts'

const KILLS = Number(process.env.STANDBY_KILLS ?? 30)
const SUSPENSIONS = Math.ceil(KILLS / 3)
const SEED = process.env.STANDBY_SEED ?? '1'
const LEASE_MS = 600
const ITEMS = 10

describeOnLocal('three workers with standby', (local) => {
  let folder = ''
  let program = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'standby-'))
    program = await bundleProgram(new URL('worker.ts', import.meta.url), join(folder, 'worker'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test(`${KILLS} kills and ${SUSPENSIONS} suspensions lose no record and keep the order of every key, and no effect of a replaced worker is accepted (seed ${SEED})`, {
    timeout: 120_000 + KILLS * 5_000,
  }, async () => {
    const random = seededRandom(SEED, 'kills of standby workers')
    const client = local.tableClient()
    const table = await createTable(client)
    const { tableName: effectTable } = await createTable(client, 'no stream')
    await using fleet = new Fleet(program, {
      endpoint: local.endpoint,
      streamArn: table.streamArn,
      checkpointTable: `checkpoints-of-${effectTable}`,
      effectTable,
      leaseMs: LEASE_MS,
    })
    const written: { n: number; id: string }[] = []
    let isWriting = true
    const writing = (async () => {
      while (isWriting) {
        const record = { n: written.length, id: `item-${below(random, ITEMS)}` }
        await putNumber(client, table, record.id, record.n)
        written.push(record)
        await wait(40)
      }
    })()

    const workers = new Set<FleetWorker>(Array.from({ length: 3 }, () => fleet.start()))
    await fleet.until(() => fleet.active !== undefined)
    await fleet.until(() => [...workers].filter(isWaiting).length === 2)
    const takeovers = { kills: [] as number[], suspensions: [] as number[] }
    const resumed: Promise<void>[] = []
    const moments = Array.from(
      { length: KILLS + SUSPENSIONS },
      (_, index) => index % 4 !== 3 || index >= 4 * SUSPENSIONS,
    )
    const replace = (worker: FleetWorker) => {
      workers.delete(worker)
      workers.add(fleet.start())
    }
    /** Returns the active worker while another one waits, so that a takeover does not include a start. */
    const activeWorker = async (): Promise<FleetWorker> => {
      for (;;) {
        // On a busy machine, a worker may be unable to renew its lease.
        for (const worker of [...workers]) if (worker.child.exitCode !== null) replace(worker)
        await fleet.until(() => [...workers].some(isWaiting))
        await wait(below(random, LEASE_MS / 3))
        const { worker } = fleet.active as NonNullable<Fleet['active']>
        if (worker.child.exitCode === null) return worker
      }
    }
    for (const isKill of moments) {
      const worker = await activeWorker()
      const since = performance.now()
      worker.child.kill(isKill ? 'SIGKILL' : 'SIGSTOP')
      replace(worker)
      const afterMs = await fleet.takeover(worker, since)
      takeovers[isKill ? 'kills' : 'suspensions'].push(afterMs)
      if (isKill) expect(['SIGKILL', 3]).toContain(await worker.exited)
      else resumed.push(resume(worker))
    }
    await Promise.all(resumed)
    isWriting = false
    await writing
    await fleet.until(() => new Set(startedIn(fleet)).size === written.length)

    // A clean stop: the next worker takes over at its next poll.
    const cleanTakeovers: number[] = []
    for (let stops = 0; stops < 2; stops++) {
      await fleet.until(() => [...workers].some(isWaiting))
      const { worker } = fleet.active as NonNullable<Fleet['active']>
      const since = performance.now()
      worker.child.kill('SIGTERM')
      replace(worker)
      cleanTakeovers.push(await fleet.takeover(worker, since))
      expect([0, 3]).toContain(await worker.exited)
    }
    await fleet.until(() => [...workers].every(({ events }) => events.length > 0))
    for (const { child } of workers) child.kill('SIGTERM')
    for (const { exited } of workers) expect([0, 3]).toContain(await exited)
    expect(fleet.all.map(({ errorOutput }) => errorOutput()).filter((output) => output !== '')).toEqual([])

    const { Item } = await client.send(
      new GetItemCommand({ TableName: effectTable, Key: EFFECTS, ConsistentRead: true }),
    )
    const effects = (Item?.list?.L ?? []).map(
      ({ M }): Effect => ({ n: Number(M?.n?.N), id: M?.id?.S ?? '', epoch: Number(M?.epoch?.N) }),
    )
    client.destroy()
    expect(faultsIn(effects, written)).toEqual([])
    const epochs = fleet.all.flatMap(({ events }) =>
      events.flatMap((event) => ('active' in event ? [event.active] : [])),
    )
    expect(new Set(epochs).size).toBe(epochs.length)
    const refused = fleet.all.flatMap(({ events }) => events.filter((event) => 'refused' in event)).length
    console.info(
      `standby with leaseMs ${LEASE_MS}: ${JSON.stringify({
        records: written.length,
        effects: effects.length,
        refused,
        afterKills: spread(takeovers.kills),
        afterSuspensions: spread(takeovers.suspensions),
        afterStops: spread(cleanTakeovers),
      })}`,
    )
  })
})

/** Continues a suspended worker, which must not start anything: at most the call in progress ends. */
async function resume(worker: FleetWorker): Promise<void> {
  const before = worker.events.length
  worker.child.kill('SIGCONT')
  expect([await worker.exited, worker.errorOutput()]).toEqual([3, ''])
  const after = worker.events.slice(before)
  expect(after.filter((event) => 'started' in event).length, JSON.stringify(after)).toBeLessThanOrEqual(1)
  expect(['checkpoint.failed', 'checkpoint.conflict']).toContain((after.at(-1) as { ended?: string }).ended)
}

function isWaiting({ events }: FleetWorker): boolean {
  return events.length > 0 && events.every((event) => 'standby' in event)
}

function startedIn({ all }: Fleet): number[] {
  return all.flatMap(({ events }) =>
    events.flatMap((event: WorkerEvent) => ('started' in event ? [event.started] : [])),
  )
}

/** What is wrong with the effects, in the order in which the table has accepted them. */
function faultsIn(effects: readonly Effect[], written: readonly { n: number; id: string }[]): string[] {
  const faults: string[] = []
  const had = new Set(effects.map(({ n }) => n))
  for (const { n } of written) if (!had.has(n)) faults.push(`record ${n} was lost`)
  let lastEpoch = 0
  const lastOfKey = new Map<string, { n: number; epoch: number }>()
  const firsts = new Map<string, number[]>()
  for (const { id, n } of written) firsts.set(id, [...(firsts.get(id) ?? []), n])
  for (const { n, id, epoch } of effects) {
    if (epoch < lastEpoch) faults.push(`an effect of epoch ${epoch} after one of epoch ${lastEpoch}`)
    lastEpoch = epoch
    const numbers = firsts.get(id) ?? []
    const last = lastOfKey.get(id)
    const place = numbers.indexOf(n)
    const expected = last === undefined ? 0 : numbers.indexOf(last.n) + 1
    // A new worker repeats what was processed since the last checkpoint, and no worker skips a record.
    if (place > expected) faults.push(`record ${n} of ${id} before an earlier one of its key`)
    if (last?.epoch === epoch && place < expected)
      faults.push(`record ${n} of ${id} was repeated in epoch ${epoch}`)
    lastOfKey.set(id, { n, epoch })
  }
  return faults
}

function spread(values: readonly number[]): { readonly median: number; readonly max: number } {
  const sorted = values.map(Math.round).sort((a, b) => a - b)
  return { median: sorted[sorted.length >> 1] ?? 0, max: sorted.at(-1) ?? 0 }
}
