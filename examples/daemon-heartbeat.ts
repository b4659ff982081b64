// A daemon that reads in sweeps, with the engine itself and a store of its own for the position:
//   npx tsx examples/daemon-heartbeat.ts arn:aws:dynamodb:…:table/orders/stream/…
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Coordinator, type StreamToken } from 'dynamodb-stream-iterator'

const SWEEP_EVERY_MS = 10 * 60_000
const HEARTBEAT_EVERY_MS = 60_000
const positionFile = 'position.json'

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

await using coordinator = new Coordinator({ streamArn: process.argv[2] ?? '' })
await coordinator.moveTo((await savedPosition()) ?? 'trim_horizon')

while (!stop.signal.aborted && !coordinator.ended) {
  const record = await coordinator.next()
  if (record) {
    console.log(record.eventName, record.keys)
    continue
  }
  // Nothing more right now.
  await savePosition()
  await restUntilNextSweep()
}
await savePosition()

/** Iterators live for 15 minutes: the heartbeat keeps them alive, so that the next sweep begins without delay. */
async function restUntilNextSweep(): Promise<void> {
  const until = Date.now() + SWEEP_EVERY_MS
  while (Date.now() < until && !stop.signal.aborted) {
    await sleep(HEARTBEAT_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {})
    if (!stop.signal.aborted) await coordinator.heartbeat()
  }
}

/** The token covers exactly the records that `next` has given out. */
async function savePosition(): Promise<void> {
  await writeFile(positionFile, JSON.stringify(coordinator.token))
}

async function savedPosition(): Promise<StreamToken | undefined> {
  const text = await readFile(positionFile, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}
