// Prints every change of a table, and an alarm when it is too far behind:
//   npx tsx examples/lag-alarm/worker.ts orders
import { fileCheckpointStore, openStream, processStream } from 'dynamodb-stream-iterator'
import { watchLag } from './watch-lag.ts'

const {
  STATE_DIRECTORY = '.',
  MAX_BEHIND_SECONDS = '300',
  FOR_SECONDS = '120',
  MIN_HEADROOM_HOURS = '12',
  CHECK_SECONDS = '10',
} = process.env
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

try {
  await using stream = await openStream({
    tableName: process.argv[2] ?? 'orders',
    checkpoint: { store: fileCheckpointStore(`${STATE_DIRECTORY}/checkpoints`), name: 'printer' },
    signal: stop.signal,
  })
  const run = processStream(stream, ({ eventName, keys }) => console.log(eventName, keys))
  watchLag({
    stream,
    run,
    limits: {
      maxBehindMs: Number(MAX_BEHIND_SECONDS) * 1_000,
      forMs: Number(FOR_SECONDS) * 1_000,
      minHeadroomMs: Number(MIN_HEADROOM_HOURS) * 3_600_000,
    },
    notify: (alarm) => console.error(JSON.stringify(alarm)), // or to a pager
    everyMs: Number(CHECK_SECONDS) * 1_000,
  })
  await run
} catch (error) {
  if (error !== stop.signal.reason) throw error
}
