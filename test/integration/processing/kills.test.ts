import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { below, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { bundleProgram } from '../../support/bundle.ts'
import { type DynamoDBLocal, startDynamoDBLocal } from '../../support/dynamodb-local.ts'
import { whyNotLocal } from '../../support/requirements.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { checkFates } from './check-fates.ts'
import { type DeadLetterQueues, startDeadLetterQueues } from './dead-letter-queue.ts'
import { rolesOf } from './roles.ts'
import type { WorkerConfig, WorkerEvent } from './worker-log.ts'
import { startWorker, type WorkerExit } from './worker-process.ts'
import { createWorkload, type Workload } from './workload.ts'

const KILLS = Number(process.env.PROCESSING_KILLS ?? 50)
const SEED = process.env.PROCESSING_SEED ?? '1'

/** The maximum number of events that a worker logs before it is killed. */
const MAX_EVENTS = 100

/**
 * The current version of DynamoDB Local never splits shards. At this speed, the older one rolls them every
 * 36 seconds, and trims records after 216 seconds. On a slow machine, some are unsettled for over a minute.
 */
const ROLLING_SPEED = 400

/** How many attempts a record has that ends the process. */
const DEADLY_ATTEMPTS = 3

describeOnLocal('processStream in a process that is killed', (shared) => {
  let folder = ''
  let program = ''
  let queues: DeadLetterQueues
  let rolling: DynamoDBLocal | undefined
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'processing-'))
    program = await bundleProgram(new URL('worker.ts', import.meta.url), join(folder, 'worker'))
    queues = await startDeadLetterQueues()
    if (whyNotLocal('rolling') === undefined) {
      rolling = await startDynamoDBLocal({ version: 'rolling', speed: ROLLING_SPEED })
    }
  })
  afterAll(async () => {
    await rolling?.stop()
    await queues?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  /** Returns a function that starts one worker after the other, all with the same checkpoint. */
  const workersOf = (name: string, workload: Workload, options: WorkerOptions) => {
    const queueUrl = queues.create(name)
    let started = 0
    return {
      queueUrl,
      start: () => {
        const config: WorkerConfig = {
          ...options,
          logFile: join(folder, `${name}-${started++}.log`),
          streamArn: workload.streamArn,
          checkpoints: { endpoint: shared.endpoint, tableName: `checkpoints-of-${name}` },
          queue: { endpoint: queues.endpoint, url: queueUrl },
        }
        return startWorker(program, config, workload.settled)
      },
    }
  }

  // Each test waits for its processes most of the time.
  describe.concurrent('with checkpoints in DynamoDB and dead letters in SQS', () => {
    test.skipIf(whyNotLocal('rolling'))(
      `${KILLS} kills lose no record, repeat nothing that was saved, and keep the order of every key (seed ${SEED})`,
      { timeout: 300_000 + KILLS * 10_000 },
      async () => {
        const local = rolling as DynamoDBLocal
        await using workload = await createWorkload({ local, seed: SEED, roleOf: rolesOf() })
        const random = seededRandom(SEED, 'kills')
        const { start, queueUrl } = workersOf('kills', workload, {
          streams: clockOf(local),
          maxAttempts: 20,
          everyRecords: 20,
          everyMs: 30,
        })
        const runs: (readonly WorkerEvent[])[] = []
        workload.writeSteadily()
        for (let kills = 0; kills < KILLS; kills++) {
          const worker = start()
          await worker.logged(below(random, MAX_EVENTS))
          // With a delay, because the worker would otherwise always be killed at the same place in its code.
          setTimeout(worker.kill, below(random, 20))
          const { events, by, errorOutput } = await worker.exited
          expect(by, errorOutput).toBe('SIGKILL')
          runs.push(events)
          await workload.listShards()
        }
        await workload.split()
        await workload.end()
        // The first of these workers reads to the end of the stream, and the second one finds nothing to do.
        for (let repetition = 0; repetition < 2; repetition++) {
          const { events, by, errorOutput } = await start().exited
          expect(by, errorOutput).toBe(0)
          runs.push(events)
        }
        const letters = await queues.receive(queueUrl)
        const summary = checkFates({ ...workload, runs, letters })
        expect(summary.faults).toEqual([])
        expect(runs.at(-1)?.filter((event) => 'started' in event)).toEqual([])
        expect(new Set(runs.flatMap(shardsIn)).size).toBeGreaterThan(1)
      },
    )

    test.for([
      ['exits at once', { by: 'exit', afterMs: 0 }],
      ['exits at once in a batch of 10', { by: 'exit', afterMs: 0, batchSize: 10 }],
      ['exits after a while in a batch of 10', { by: 'exit', afterMs: 60, batchSize: 10, everyMs: 20 }],
      ['exits long before a checkpoint is due', { by: 'exit', afterMs: 60 }],
      ['is killed after a while', { by: 'kill', afterMs: 60, everyMs: 20 }],
    ] as const)(
      'of all records, only the one whose handler %s is given up, after the restarts that it may cause',
      async ([title, { by, afterMs, ...options }]) => {
        const name = title.replaceAll(' ', '-')
        const deadly = { n: 12, by, afterMs }
        await using workload = await createWorkload({ local: shared, seed: title, roleOf: rolesOf(deadly) })
        const { start, queueUrl } = workersOf(name, workload, {
          ...options,
          streams: clockOf({ endpoint: shared.endpoint, speed: 1 }),
          maxAttempts: DEADLY_ATTEMPTS,
          deadly,
        })
        await workload.end()
        const runs: (readonly WorkerEvent[])[] = []
        let exit: WorkerExit
        do {
          exit = await start().exited
          runs.push(exit.events)
        } while (exit.by !== 0 && runs.length < 20)
        expect(exit.by, exit.errorOutput).toBe(0)
        const letters = await queues.receive(queueUrl)
        const { faults } = checkFates({ ...workload, runs, letters, hasBatches: 'batchSize' in options })
        expect(faults).toEqual([])
        const [letter] = letters
        expect(letters).toHaveLength(1)
        expect(letter).toMatchObject({ n: 12, condition: 'WorkerLost', attempts: DEADLY_ATTEMPTS })
      },
    )
  })
})

type WorkerOptions = Omit<WorkerConfig, 'logFile' | 'streamArn' | 'checkpoints' | 'queue'>

function clockOf(
  local: Pick<DynamoDBLocal, 'endpoint' | 'speed'> & Partial<Pick<DynamoDBLocal, 'clock'>>,
): WorkerConfig['streams'] {
  const { endpoint, speed, clock } = local
  return { endpoint, speed, now: clock?.now() ?? Date.now(), at: Date.now() }
}

function shardsIn(events: readonly WorkerEvent[]): string[] {
  return events.flatMap((event) => ('started' in event ? [event.started.shardId] : []))
}
