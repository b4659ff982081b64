import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { type CheckpointStore, fileCheckpointStore, type StreamToken } from '../../../src/index.ts'
import { below, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { bundleProgram } from '../../support/bundle.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { checkRuns, type WorkerRun } from './check-runs.ts'
import { CHECKPOINT_NAME, type WorkerConfig } from './worker-log.ts'
import { startWorker, type WorkerProcess } from './worker-process.ts'
import { emulatorWorkload, localWorkload, type Workload } from './workloads.ts'

const KILLS = Number(process.env.CRASH_KILLS ?? 10)
const SEED = process.env.CRASH_SEED ?? '1'

/**
 * The maximum number of events that a worker logs before it is killed: from before its first call to several
 * checkpoints.
 */
const MAX_EVENTS = 120

describeOnLocal(`crash recovery with ${KILLS} kills (seed ${SEED})`, (local) => {
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

  const workloads = {
    'the emulator over HTTP': emulatorWorkload,
    'DynamoDB Local': (seed: string) => localWorkload(local, seed),
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
  const openStore = (location: WorkerConfig['checkpoints']): CheckpointStore =>
    location.kind === 'file'
      ? fileCheckpointStore(location.folder)
      : dynamoDBCheckpointStore({ client: checkpointClient, tableName: location.tableName })

  const cases = Object.keys(workloads).flatMap((workload) =>
    Object.keys(checkpoints).map(
      (store) => [workload, store] as [keyof typeof workloads, keyof typeof checkpoints],
    ),
  )
  test.concurrent.for(cases)(
    'a killed worker loses nothing and repeats only records after its checkpoint: %s, checkpoints in %s',
    { timeout: 300_000 + KILLS * 10_000 },
    async ([workloadName, storeName]) => {
      const seed = `${SEED}-${workloadName}-${storeName}`
      await using workload = await workloads[workloadName](seed)
      let started = 0
      const start = () =>
        startWorker(
          program,
          { ...config, logFile: join(folder, `${seed}-${started++}.log`) },
          workload.progressed,
        )
      const config = {
        endpoint: workload.endpoint,
        streamArn: workload.streamArn,
        checkpoints: checkpoints[storeName](seed),
        everyRecords: 9,
        everyMs: 20,
      }
      const store = openStore(config.checkpoints)
      const summary = checkRuns(await runAndKill({ workload, seed, store, start }), workload)
      expect(summary.faults).toEqual([])
      expect(summary.delivered - summary.repeated).toBe(workload.written.length)
    },
  )
})

/** Starts one worker after the other and kills each except the last, which reads to the end of the stream. */
async function runAndKill({
  workload,
  start,
  store,
  seed,
}: {
  readonly workload: Workload
  readonly start: () => WorkerProcess
  readonly store: CheckpointStore
  readonly seed: string
}): Promise<WorkerRun[]> {
  const random = seededRandom(seed, 'kills')
  const runs: WorkerRun[] = []
  for (let index = 0; index <= KILLS; index++) {
    const worker = start()
    if (index === KILLS) await workload.end()
    else {
      await worker.logged(below(random, MAX_EVENTS))
      // With a delay, because the worker would otherwise always be killed at the same place in its code.
      setTimeout(worker.kill, below(random, 20))
    }
    const events = await worker.exited
    // In the DynamoDB store this acquires the checkpoint, so a save that is still in flight cannot change it.
    const checkpoint = (await store.load(CHECKPOINT_NAME)) as StreamToken | undefined
    runs.push({ events, checkpoint })
  }
  return runs
}
