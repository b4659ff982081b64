import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { dynamoDBCheckpointStore } from '../../src/checkpoints/dynamodb.ts'
import { systemClock } from '../../src/core/clock.ts'
import { isStreamError } from '../../src/core/errors.ts'
import { localClients } from '../support/dynamodb-local.ts'
import { numberedToken, numberIn } from '../support/numbered-token.ts'
import type { WorkerReport } from './checkpoint-fight.ts'

/*
 * One of the processes that compete for a checkpoint: it acquires the checkpoint, counts up from its number,
 * saves each number, and starts again, until it is killed.
 */
const { values } = parseArgs({
  options: {
    endpoint: { type: 'string' },
    table: { type: 'string' },
    name: { type: 'string' },
    index: { type: 'string' },
  },
})
const { endpoint = '', table: tableName = '', name = '', index = '0' } = values
const owner = `worker-${index}.${process.pid}`
/** The clocks of the workers differ by more than a year: no decision may depend on a clock. */
const skewMs = (Number(index) - 2) * 400 * 86_400_000
const clock = { ...systemClock, now: () => Date.now() + skewMs }
const report = (message: WorkerReport): void => void process.send?.(message)

for (;;) {
  await runOneLease()
  await wait(Math.random() * 200)
}

async function runOneLease(): Promise<void> {
  const client = localClients({ endpoint, speed: 1 }).tableClient({ maxAttempts: 3 })
  try {
    const lease = await dynamoDBCheckpointStore({ client, tableName, owner, clock }).lease(name)
    let number = numberIn(lease.token) ?? 0
    report({ kind: 'loaded', number, epoch: lease.epoch })
    for (let remaining = Math.random() * 25; remaining > 0; remaining--) {
      number++
      // A third of the tokens is stored in chunks.
      const shards = Math.random() < 0.35 ? 2_500 + Math.floor(Math.random() * 9_000) : 1
      try {
        await lease.save(numberedToken(number, shards))
        report({ kind: 'saved', number })
      } catch (error) {
        reportFailure(error)
        if (lease.lost.aborted) return
      }
      await wait(Math.random() * 30)
    }
  } catch (error) {
    reportFailure(error)
  } finally {
    client.destroy()
  }
}

function reportFailure(error: unknown): void {
  const code = isStreamError(error) ? error.code : (error as Error).name
  const isOwn = isStreamError(error, 'checkpoint.conflict') && error.details.owner === owner
  report({ kind: 'failed', code, isOwn, message: (error as Error).message })
}
