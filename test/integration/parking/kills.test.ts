import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileParkingStore, type ParkingStore } from '../../../src/index.ts'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'
import { seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { bundleProgram } from '../../support/bundle.ts'
import { type DynamoDBLocal, startDynamoDBLocal } from '../../support/dynamodb-local.ts'
import { whyNotLocal } from '../../support/requirements.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { type DeadLetterQueues, startDeadLetterQueues } from '../processing/dead-letter-queue.ts'
import { createWorkload } from '../processing/workload.ts'
import { brokenItems } from './broken-items.ts'
import { checkParking } from './check-parking.ts'
import { followEffects } from './effects.ts'
import { Fleet } from './fleet.ts'
import type { ParkingSummary, RunEnd } from './history.ts'
import { releaseAll, startOperator } from './operator.ts'
import { PARK_AFTER, roleOf } from './roles.ts'
import type { StoresConfig } from './worker-log.ts'

const KILLS = Number(process.env.PARKING_KILLS ?? 12)
const FILE_KILLS = Math.ceil(KILLS / 2)
const SEED = process.env.PARKING_SEED ?? '1'

/**
 * See the kills test of processing: shards roll every 36 seconds, and records are trimmed after 216 seconds.
 */
const ROLLING_SPEED = 400

/**
 * This item is broken from the beginning, and its key is released at the end. The others break for a while.
 */
const LONG_BROKEN = 'item-0'
const BREAKING = ['item-1', 'item-2', 'item-3', 'item-4', 'item-5']

interface Scenario {
  readonly name: string
  readonly kills: number
  readonly stores: StoresConfig
  readonly store: ParkingStore
}

describeOnLocal('processStream with parking in a process that is killed', (shared) => {
  let root = ''
  let program = ''
  let queues: DeadLetterQueues
  let rolling: DynamoDBLocal | undefined
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'parking-'))
    program = await bundleProgram(new URL('worker.ts', import.meta.url), join(root, 'worker'))
    queues = await startDeadLetterQueues()
    if (whyNotLocal('rolling') === undefined) {
      rolling = await startDynamoDBLocal({ version: 'rolling', speed: ROLLING_SPEED })
    }
  })
  afterAll(async () => {
    await rolling?.stop()
    await queues?.[Symbol.asyncDispose]()
    await rm(root, { recursive: true, force: true })
  })

  /** Kills workers while items break and are repaired, and checks what has become of every record. */
  async function killWorkers({ name, kills, stores, store }: Scenario): Promise<ParkingSummary> {
    const { endpoint, speed, clock, ...clients } = rolling as DynamoDBLocal
    const folder = join(root, name)
    await mkdir(folder)
    await using workload = await createWorkload({ local: clients, seed: SEED, roleOf })
    const broken = brokenItems(join(folder, 'broken'))
    const effectsFile = join(folder, 'effects')
    using effects = followEffects(effectsFile)
    const queueUrl = queues.create(name)
    const fleet = new Fleet({
      program,
      folder,
      random: seededRandom(SEED, `kills of ${name}`),
      configOf: () => ({
        effectsFile,
        streamArn: workload.streamArn,
        streams: { endpoint, speed, now: clock.now(), at: Date.now() },
        stores,
        queue: { endpoint: queues.endpoint, url: queueUrl },
        brokenItems: join(folder, 'broken'),
        everyRecords: 20,
        everyMs: 30,
      }),
      onSettled: workload.settled,
    })

    broken.add(LONG_BROKEN)
    workload.writeSteadily()
    const operator = startOperator({
      store,
      broken,
      items: BREAKING,
      spared: LONG_BROKEN,
      effects,
      random: seededRandom(SEED, `operator of ${name}`),
      idOf: (n) => workload.written[n]?.id ?? 'unknown',
    })
    for (let killed = 0; killed < kills; killed++) {
      // Two workers can use a checkpoint in a file at the same time, so none is suspended.
      const canSuspend = stores.kind === 'dynamodb' && killed < kills - 3
      await Promise.race([fleet.killOne(canSuspend), operator.failed])
      await workload.listShards()
    }
    let worker = await fleet.startLast()
    await workload.split()
    await workload.writeMore(100)
    await operator.stop()
    for (const id of [LONG_BROKEN, ...BREAKING]) broken.delete(id)
    await workload.end()
    // The first of these workers reads to the end of the stream, and the last one finds nothing to do.
    for (let left = await releaseAll(store); left > 0; left = await releaseAll(store)) {
      await worker.exited()
      worker = await fleet.startLast()
    }
    await worker.exited()
    const { runs } = fleet
    expect(runs.at(-1)?.filter((event) => 'started' in event)).toEqual([])
    const letters = await queues.receive(queueUrl)
    const history = { ...workload, runs, effects: effects.all(), letters, parkAfter: PARK_AFTER }
    const summary = checkParking(history)
    const { faults: _, ends, ...counts } = summary
    console.info(`${name}: ${JSON.stringify({ runs: runs.length, ...countEnds(ends), ...counts })}`)
    return summary
  }

  // Each test waits for its processes most of the time.
  describe.concurrent('with releases and drops at random moments', () => {
    test.skipIf(whyNotLocal('rolling'))(
      `${KILLS} kills with the parked records in DynamoDB lose none, keep the order of every key, hold up no other key, and workers that continue after they were replaced change nothing (seed ${SEED})`,
      { timeout: 300_000 + KILLS * 15_000 },
      async () => {
        const tableName = 'parking-of-kills'
        const client = shared.tableClient()
        const { faults, ends, dropped, shards, parkedShards } = await killWorkers({
          name: 'dynamodb',
          kills: KILLS,
          stores: { kind: 'dynamodb', endpoint: shared.endpoint, tableName },
          store: dynamoDBParkingStore({ client, tableName }),
        })
        client.destroy()
        expect(faults.slice(0, 20)).toEqual([])
        // Otherwise the test would show nothing.
        expect(Math.min(...Object.values(countEnds(ends)))).toBeGreaterThan(0)
        expect(dropped).toBeGreaterThan(0)
        expect(Math.min(shards, parkedShards)).toBeGreaterThan(1)
      },
    )

    test.skipIf(whyNotLocal('rolling'))(
      `${FILE_KILLS} kills with the parked records in files lose none, keep the order of every key, and hold up no other key (seed ${SEED})`,
      { timeout: 300_000 + FILE_KILLS * 15_000 },
      async () => {
        const folder = join(root, 'stores')
        const { faults, ends, shards, parkedShards } = await killWorkers({
          name: 'files',
          kills: FILE_KILLS,
          stores: { kind: 'file', folder },
          store: fileParkingStore(join(folder, 'parking')),
        })
        expect(faults.slice(0, 20)).toEqual([])
        expect(countEnds(ends)).toMatchObject({ replaced: 0 })
        expect(countEnds(ends).parking).toBeGreaterThan(0)
        expect(countEnds(ends).releasing).toBeGreaterThan(0)
        expect(Math.min(shards, parkedShards)).toBeGreaterThan(1)
      },
    )
  })
})

/** How many runs were doing what when they ended. */
function countEnds(ends: readonly RunEnd[]) {
  const count = (what: Parameters<RunEnd['has']>[0]) => ends.filter((end) => end.has(what)).length
  return {
    parking: count('parking'),
    releasing: count('releasing'),
    returning: count('returning'),
    replaced: count('replaced'),
  }
}
