// A daemon that reads in sweeps, with the Coordinator and a checkpoint that it saves itself:
//   npx tsx examples/daemon-heartbeat.ts arn:aws:dynamodb:…:table/orders/stream/…
import { setTimeout as sleep } from 'node:timers/promises'
import { Coordinator, fileCheckpointStore, parseToken } from 'dynamodb-stream-iterator'

const SWEEP_EVERY_MS = 10 * 60_000
const HEARTBEAT_EVERY_MS = 60_000
const checkpoints = fileCheckpointStore('checkpoints')
const name = 'daemon'

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const coordinator = new Coordinator({ streamArn: process.argv[2] ?? '' })
try {
  // Only a file that does not exist is no checkpoint. One that cannot be read, or is damaged, is an error.
  const saved = await checkpoints.load(name)
  await coordinator.moveTo(saved === undefined ? 'trim_horizon' : parseToken(saved))

  while (!stop.signal.aborted && !coordinator.ended) {
    const record = await coordinator.next()
    if (record) {
      console.log(record.eventName, record.keys)
      continue
    }
    // Nothing more right now.
    await checkpoints.save(name, coordinator.token)
    await restUntilNextSweep()
  }
  // The token covers exactly the records that `next` has returned.
  await checkpoints.save(name, coordinator.token)
} finally {
  await coordinator.close()
}

/** Iterators live for 15 minutes: the heartbeat renews them, so that the next sweep starts without delay. */
async function restUntilNextSweep(): Promise<void> {
  const until = Date.now() + SWEEP_EVERY_MS
  while (Date.now() < until) {
    // Rejects when the signal aborts, and for no other reason.
    await sleep(HEARTBEAT_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {})
    if (stop.signal.aborted) return
    await coordinator.heartbeat()
  }
}
