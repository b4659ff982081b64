import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { type CheckpointStore, fileCheckpointStore, type StreamToken } from '../../../src/index.ts'
import { below, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { bundleProgram } from '../../support/bundle.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { CHECKPOINT_NAME, type WorkerOrder } from './evidence.ts'
import { judge, type Life } from './judge.ts'
import { startWorker, type Victim } from './victim.ts'
import { emulatorWorld, localWorld, type World } from './worlds.ts'

const KILLS = Number(process.env.CRASH_KILLS ?? 10)
const SEED = process.env.CRASH_SEED ?? '1'

/** How far a worker gets before it is killed: from before its first call to some checkpoints later. In things told. */
const MOST_TOLD = 120

describeOnLocal(`a worker that is killed ${KILLS} times (seed ${SEED})`, (local) => {
  const checkpointClient = local.tableClient()
  let folder = ''
  let program = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crash-'))
    program = await bundleProgram(new URL('worker.ts', import.meta.url), join(folder, 'worker'))
  })
  afterAll(async () => {
    checkpointClient.destroy()
    await rm(folder, { recursive: true, force: true })
  })

  const worlds = {
    'the emulator over HTTP': emulatorWorld,
    'DynamoDB Local': (seed: string) => localWorld(local, seed),
  }
  const checkpoints = {
    'a file': (seed: string) => ({ kind: 'file', folder: join(folder, seed) }) as const,
    'a DynamoDB table': (seed: string) =>
      ({
        kind: 'dynamodb',
        endpoint: local.endpoint,
        tableName: `crash-${seed.replace(/\W/g, '-')}`,
      }) as const,
  }
  const openStore = (order: WorkerOrder['checkpoints']): CheckpointStore =>
    order.kind === 'file'
      ? fileCheckpointStore(order.folder)
      : dynamoDBCheckpointStore({ client: checkpointClient, tableName: order.tableName })

  const cases = Object.keys(worlds).flatMap((world) =>
    Object.keys(checkpoints).map(
      (store) => [world, store] as [keyof typeof worlds, keyof typeof checkpoints],
    ),
  )
  test.concurrent.for(cases)(
    'loses nothing, and repeats only what came after its checkpoint: %s, checkpoints in %s',
    { timeout: 300_000 + KILLS * 10_000 },
    async ([worldName, storeName]) => {
      const seed = `${SEED}-${worldName}-${storeName}`
      await using world = await worlds[worldName](seed)
      let started = 0
      const start = () =>
        startWorker(
          program,
          { ...order, evidence: join(folder, `${seed}-${started++}.evidence`) },
          world.progressed,
        )
      const order = {
        endpoint: world.endpoint,
        streamArn: world.streamArn,
        checkpoints: checkpoints[storeName](seed),
        everyRecords: 9,
        everyMs: 20,
      }
      const store = openStore(order.checkpoints)
      const verdict = judge(await liveAndDie({ world, seed, store, start }), world)
      expect(verdict.faults).toEqual([])
      expect(verdict.delivered - verdict.repeated).toBe(world.written.length)
    },
  )
})

/** Starts worker after worker and kills each but the last, which reads to the end of the stream. */
async function liveAndDie({
  world,
  start,
  store,
  seed,
}: {
  readonly world: World
  readonly start: () => Victim
  readonly store: CheckpointStore
  readonly seed: string
}): Promise<Life[]> {
  const random = seededRandom(seed, 'kills')
  const lives: Life[] = []
  for (let life = 0; life <= KILLS; life++) {
    const worker = start()
    if (life === KILLS) await world.end()
    else {
      await worker.told(below(random, MOST_TOLD))
      // Not at the moment of telling, when the worker would always be found at the same place.
      setTimeout(worker.kill, below(random, 20))
    }
    const evidence = await worker.death
    // For DynamoDB this takes the checkpoint over, so that no save that is still on its way can change it.
    const left = (await store.load(CHECKPOINT_NAME)) as StreamToken | undefined
    lives.push({ evidence, left })
  }
  return lives
}
