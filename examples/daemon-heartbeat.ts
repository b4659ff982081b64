// A daemon that reads everything new every 10 minutes, with a Coordinator and its own checkpoints:
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
  // load() returns undefined only if the file does not exist. A damaged or unreadable file is an error.
  const saved = await checkpoints.load(name)
  await coordinator.moveTo(saved === undefined ? 'trim_horizon' : parseToken(saved))

  while (!stop.signal.aborted && !coordinator.ended) {
    const record = await coordinator.next()
    if (record) {
      console.log(record.eventName, record.keys)
      continue
    }
    // There is nothing new right now.
    await checkpoints.save(name, coordinator.token)
    await restUntilNextSweep()
  }
  // The token covers exactly the records that next() has returned.
  await checkpoints.save(name, coordinator.token)
} finally {
  await coordinator.close()
}

/** Shard iterators expire after 15 minutes. The heartbeat renews them, so that the next sweep is fast. */
async function restUntilNextSweep(): Promise<void> {
  const until = Date.now() + SWEEP_EVERY_MS
  while (Date.now() < until) {
    // sleep() rejects only when the signal aborts.
    await sleep(HEARTBEAT_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {})
    if (stop.signal.aborted) return
    await coordinator.heartbeat()
  }
}
