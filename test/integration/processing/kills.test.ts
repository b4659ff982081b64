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
import { roleOf } from './roles.ts'
import type { DeadlyRecord, WorkerConfig, WorkerEvent } from './worker-log.ts'
import { startWorker, type WorkerExit } from './worker-process.ts'
import { createWorkload, type Workload } from './workload.ts'

const KILLS = Number(process.env.PROCESSING_KILLS ?? 50)
const SEED = process.env.PROCESSING_SEED ?? '1'

/** The maximum number of events that a worker logs before it is killed. */
const MAX_EVENTS = 120

/** The last releases of DynamoDB Local do not split shards. This one rolls them every 18 seconds at this speed. */
const ROLLING_SPEED = 800

describeOnLocal('processStream in a process that is killed', (shared) => {
  let folder = ''
  let program = ''
  let queues: DeadLetterQueues
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'processing-'))
    program = await bundleProgram(new URL('worker.ts', import.meta.url), join(folder, 'worker'))
    queues = await startDeadLetterQueues()
  })
  afterAll(async () => {
    await queues?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  /** Returns a function that starts one worker after the other, all with the same checkpoint. */
  const workersOf = (name: string, workload: Workload, options: WorkerOptions) => {
    const queueUrl = queues.create(name)
    let started = 0
    return {
      queueUrl,
      start: () =>
        startWorker(
          program,
          {
            ...options,
            logFile: join(folder, `${name}-${started++}.log`),
            streamArn: workload.streamArn,
            checkpoints: { endpoint: shared.endpoint, tableName: `checkpoints-of-${name}` },
            queue: { endpoint: queues.endpoint, url: queueUrl },
          },
          workload.settled,
        ),
    }
  }

  describe.skipIf(whyNotLocal('rolling'))('while shards are split', () => {
    let local: DynamoDBLocal
    beforeAll(async () => {
      local = await startDynamoDBLocal({ version: 'rolling', speed: ROLLING_SPEED })
    })
    afterAll(async () => {
      await local?.stop()
    })

    test(`${KILLS} kills lose no record, repeat nothing that was saved, and keep the order of every key (seed ${SEED})`, async () => {
      await using workload = await createWorkload({ local, seed: SEED })
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
      await workload.end()
      // The first worker reads to the end of the stream; the second one must find nothing to do.
      for (let repetition = 0; repetition < 2; repetition++) {
        const { events, by, errorOutput } = await start().exited
        expect(by, errorOutput).toBe(0)
        runs.push(events)
      }
      const { written, parentOf } = workload
      const letters = await queues.receive(queueUrl)
      const summary = checkFates({ runs, written, letters, roleOf, parentOf })
      console.log(summary, written.length)
      expect(summary.faults).toEqual([])
      expect(runs.at(-1)?.filter((event) => 'started' in event)).toEqual([])
    })
  })

  const deadly: readonly [string, DeadlyRecord, batchSize?: number][] = [
    ['exits after a while', { n: 12, by: 'exit', afterMs: 60 }],
    ['kills the process with SIGKILL after a while', { n: 12, by: 'kill', afterMs: 60 }],
    ['exits after a while in a batch of 10', { n: 12, by: 'exit', afterMs: 60 }, 10],
    ['exits at once', { n: 12, by: 'exit', afterMs: 0 }],
    ['exits at once in a batch of 10', { n: 12, by: 'exit', afterMs: 0 }, 10],
  ]
  test.concurrent.for(deadly)(
    'only the record whose handler %s is given up, after its attempts are used up by restarts',
    async ([title, deadlyRecord, batchSize]) => {
      const name = title.replaceAll(' ', '-')
      await using workload = await createWorkload({ local: shared, seed: `${SEED}-${title}` })
      const { start, queueUrl } = workersOf(name, workload, {
        streams: clockOf({ endpoint: shared.endpoint, speed: 1 }),
        deadly: deadlyRecord,
        maxAttempts: 3,
        everyRecords: 20,
        everyMs: 20,
        batchSize,
      })
      await workload.write(30)
      await workload.end()
      const runs: (readonly WorkerEvent[])[] = []
      let exit: WorkerExit
      do {
        exit = await start().exited
        runs.push(exit.events)
      } while (exit.by !== 0 && runs.length < 12)
      const letters = await queues.receive(queueUrl)
      console.log(
        title,
        runs.length,
        letters,
        runs
          .map((r) =>
            r
              .filter((e) => 'started' in e)
              .map((e) => `${e.started.n}/${e.attempt}`)
              .join(' '),
          )
          .join('\n'),
      )
      expect(exit.by, exit.errorOutput).toBe(0)
    },
  )
})

type WorkerOptions = Omit<WorkerConfig, 'logFile' | 'streamArn' | 'checkpoints' | 'queue'>

function clockOf(local: Pick<DynamoDBLocal, 'endpoint' | 'speed'> & Partial<Pick<DynamoDBLocal, 'clock'>>) {
  const { endpoint, speed, clock } = local
  return { endpoint, speed, now: clock?.now() ?? Date.now(), at: Date.now() }
}
