// A worker with parking, as a user would write it, which also logs its events. It is killed at random
// moments, or when it does something in particular.

import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { SQSClient } from '@aws-sdk/client-sqs'
import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import {
  type CheckpointStore,
  type Clock,
  fileCheckpointStore,
  fileParkingStore,
  openStream,
  type ParkingStore,
  processStream,
  StreamError,
  type StreamRecord,
} from '../../../src/index.ts'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { localClients } from '../../support/dynamodb-local.ts'
import { fastClock } from '../../support/local-clock.ts'
import { openEventLog } from '../processing/event-log.ts'
import { loggedCheckpoints } from '../processing/logged-checkpoints.ts'
import { CHECKPOINT_NAME } from '../processing/worker-log.ts'
import { brokenItems } from './broken-items.ts'
import { loggedParking } from './logged-store.ts'
import { PARK_AFTER, roleOf } from './roles.ts'
import {
  MARKS,
  type Moment,
  type ParkingWorkerConfig,
  type ParkingWorkerEvent,
  REPLACED,
} from './worker-log.ts'

type Item = { id: string; n: number }

/**
 * The run's timers are this much faster: a worker runs for a second or so, and must see requests and save the
 * progress of a release many times.
 */
const TIMER_SPEED = 10

const config = JSON.parse(process.argv[2] ?? '') as ParkingWorkerConfig
const { streams, queue, doom } = config
const broken = brokenItems(config.brokenItems)
const effects = openSync(config.effectsFile, 'a')
const { log, file } = await openEventLog<ParkingWorkerEvent>(config.logFile, marksOf)
const { checkpoints, parking } = openStores()

/** A record is settled when it is handled or dead-lettered, unless it was parked, and when it is parked. */
function marksOf(event: ParkingWorkerEvent): string {
  if ('acquired' in event) return MARKS.acquired
  if ('stopping' in event) return MARKS.stopping
  if ('deadLettered' in event) return '+'
  if ('result' in event) return event.result === 'handled' && !parking.wasRead(event.ended) ? '+' : '.'
  if ('calling' in event && event.calling.name === 'save') {
    const added = event.calling.updates.reduce((sum, update) => sum + update.added.length, 0)
    return added > 0 ? '+'.repeat(added) : '.'
  }
  return '.'
}

function openStores() {
  const { stores } = config
  const { store, parkingStore } = storesOf()
  const parking = loggedParking(parkingStore, { log, reached })
  const checkpoints = loggedCheckpoints(store, (event) => {
    log(event)
    if ('saving' in event && parking.isReturning) reached('returning')
  })
  return { checkpoints, parking }

  function storesOf(): { store: CheckpointStore; parkingStore: ParkingStore } {
    if (stores.kind === 'file') {
      return {
        store: fileCheckpointStore(join(stores.folder, 'checkpoints')),
        parkingStore: fileParkingStore(join(stores.folder, 'parking')),
      }
    }
    const { endpoint, tableName } = stores
    const client = localClients({ endpoint, speed: 1 }).tableClient()
    return {
      store: dynamoDBCheckpointStore({ client, tableName }),
      parkingStore: dynamoDBParkingStore({ client, tableName }),
    }
  }
}

let momentsLeft = doom?.after ?? 0

/** Stops the process if this is the moment to do so. */
function reached(moment: Moment): void {
  if (moment !== doom?.moment || momentsLeft-- !== 0) return
  const end = () => {
    if (doom.signal === 'SIGSTOP') log({ stopping: true })
    process.kill(process.pid, doom.signal)
  }
  if (doom.delayMs === 0) end()
  else setTimeout(end, doom.delayMs)
}

/** The effect of the handler: it is in the files before the handler returns. */
async function apply(n: number): Promise<void> {
  log({ effect: n })
  writeSync(effects, `${config.run} ${n}\n`)
  await file.datasync()
}

const clock = fastClock(streams.speed, streams.now + (Date.now() - streams.at) * streams.speed)
const quickClock: Clock = {
  now: clock.now,
  monotonic: () => clock.monotonic() * TIMER_SPEED,
  setTimer: (delayMs, ...args) => clock.setTimer(delayMs / TIMER_SPEED, ...args),
}
await using stream = await openStream<Item>({
  streamArn: config.streamArn,
  client: localClients(streams).streamsClient(),
  clock,
  checkpoint: {
    store: checkpoints,
    name: CHECKPOINT_NAME,
    everyRecords: config.everyRecords,
    everyMs: config.everyMs,
  },
  pageSize: 20,
  idlePollMs: { min: 5, max: 50 },
})
const sqs = new SQSClient({
  endpoint: queue.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
})
const run = processStream<Item>(
  stream,
  async (record: StreamRecord<Item>, { attempt, reject }) => {
    const { n, id } = record.newImage ?? { n: -1, id: '' }
    const { shardId, sequenceNumber, itemKey } = record
    log({ started: { n, id, shardId, sequenceNumber, keyHash: hashItemKey(itemKey) }, attempt })
    if (parking.wasRead(n)) reached('released')
    if (n % 5 === 0) await wait(n % 20)
    else if (n % 5 !== 1) await nextTurn()
    const role = roleOf(n)
    if (broken.has(id) || (role.kind === 'failing' && attempt <= role.failures)) {
      log({ ended: n, result: 'failed' })
      throw new Error('The attempt has failed.')
    }
    if (role.kind === 'rejected') {
      log({ ended: n, result: 'rejected' })
      reject('The record is unacceptable.')
    }
    await apply(n)
    log({ ended: n, result: 'handled' })
  },
  {
    clock: quickClock,
    concurrency: 8,
    filter: ({ newImage }) => roleOf(Number(newImage?.n)).kind !== 'filtered',
    retry: { maxAttempts: 50, minDelayMs: 10, maxDelayMs: 250 },
    onFailure: sqsDestination({ queueUrl: queue.url, client: sqs }),
    parking: { store: parking, after: { attempts: PARK_AFTER } },
  },
)
run.on('deadLettered', ({ shardId, sequenceNumber, condition }) => {
  log({ deadLettered: { shardId, sequenceNumber, condition } })
})
for (const name of ['parked', 'released', 'returned'] as const) {
  run.on(name, ({ keyHash }) => log({ emitted: name, id: parking.idOf(keyHash) }))
}
run.on('dropped', ({ keyHash, records }) => {
  log({ emitted: 'dropped', id: parking.idOf(keyHash), records })
})
try {
  await run
  log({ finished: true })
} catch (error) {
  if (!(error instanceof StreamError)) throw error
  log({ rejected: error.code })
  if (error.code !== 'checkpoint.conflict') throw error
  process.exitCode = REPLACED
}
