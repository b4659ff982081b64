// Books every change of an account. It can be killed at any instant, and started again:
//   LEDGER_URL=http://localhost:8000 npx tsx examples/killed-worker/worker.ts accounts
import { fileCheckpointStore, fileDestination, openStream, processStream } from 'dynamodb-stream-iterator'

interface Account {
  readonly id: string
  readonly cents: number
}

const { LEDGER_URL = 'http://localhost:8000', STATE_DIRECTORY = '.' } = process.env
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

try {
  await using stream = await openStream<Account>({
    tableName: process.argv[2] ?? 'accounts',
    checkpoint: {
      store: fileCheckpointStore(`${STATE_DIRECTORY}/checkpoints`),
      name: 'bookkeeper',
      everyRecords: 20, // After a kill, what was booked since the last save is repeated.
      everyMs: 1_000,
    },
    signal: stop.signal,
  })
  await processStream(
    stream,
    async ({ eventId, keys, oldImage, newImage }, { signal }) => {
      const response = await fetch(`${LEDGER_URL}/entries`, {
        method: 'POST',
        // The same in every delivery of this record: the ledger ignores an entry that it has already.
        headers: { 'idempotency-key': eventId },
        body: JSON.stringify({
          account: keys.id,
          cents: (newImage?.cents ?? 0) - (oldImage?.cents ?? 0),
        }),
        signal,
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`The ledger responded with ${response.status}.`)
    },
    // Receives a record whose handler ends the process each time (WorkerLost), so that the others continue.
    { onFailure: fileDestination(`${STATE_DIRECTORY}/dead-letters.jsonl`) },
  )
} catch (error) {
  if (error !== stop.signal.reason) throw error
}
