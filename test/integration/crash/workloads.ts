import { below, type Random, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { StreamEmulator } from '../../../src/testing/index.ts'
import type { SharedLocal } from '../../support/shared-local.ts'
import { createTable, putNumber, setStream } from '../../support/tables.ts'
import type { WrittenRecords } from './check-runs.ts'

/** A table with a stream, with continuous write traffic until the stream is disabled. */
export interface Workload extends WrittenRecords, AsyncDisposable {
  readonly endpoint: string
  readonly streamArn: string
  /** Called when a worker has logged an event: more records may be written. */
  progressed(): void
  /** Writes the last records and disables the stream. */
  end(): Promise<void>
}

/** The approximate limit of records that the worker has not read yet: enough to keep every worker busy. */
const MAX_AHEAD = 150

const ITEMS = 25

/**
 * Creates several shards that split and roll while they are read. New records are written during GetRecords
 * calls.
 */
export async function emulatorWorkload(seed: string): Promise<Workload> {
  const random = seededRandom(seed, 'traffic')
  const emulator = new StreamEmulator({ seed, shards: 2 })
  const server = await emulator.listen()
  const written: { n: number; id: string }[] = []
  const write = (count: number) => {
    for (let i = 0; i < count; i++) {
      const item = nextItem(written, random)
      emulator.put(item)
      written.push(item)
    }
  }
  let writtenAtProgress = 0
  const stop = emulator.on('GetRecords', { times: Number.POSITIVE_INFINITY }, () => {
    if (written.length - writtenAtProgress > MAX_AHEAD) return
    write(below(random, 10))
    const chance = random()
    const hidden = { ms: below(random, 300) }
    if (chance < 0.02) emulator.roll(undefined, { hidden })
    else if (chance < 0.03 && emulator.openShards.length < 8) emulator.split(undefined, 2, { hidden })
    else if (chance < 0.04) emulator.expireIterators()
  })
  return {
    endpoint: server.url,
    streamArn: emulator.streamArn,
    written,
    parentOf: (shardId) => emulator.shard(shardId).parentId,
    progressed: () => {
      writtenAtProgress = written.length
    },
    async end() {
      stop()
      write(20)
      // The last child is not listed yet when the stream is disabled.
      emulator.roll(undefined, { hidden: { ms: 500 } })
      write(20)
      emulator.disable()
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}

/**
 * Creates one shard in DynamoDB Local, with its wire protocol and storage, which is written to concurrently
 * with the worker.
 */
export async function localWorkload(local: SharedLocal, seed: string): Promise<Workload> {
  const random = seededRandom(seed, 'traffic')
  const client = local.tableClient()
  const table = await createTable(client)
  const written: { n: number; id: string }[] = []
  let isEnding = false
  let ahead = 0
  let resumeWriting = () => {}
  const write = async () => {
    const { id, n } = nextItem(written, random)
    await putNumber(client, table, id, n)
    written.push({ id, n })
    ahead++
  }
  const traffic = (async () => {
    while (!isEnding) {
      if (ahead < MAX_AHEAD) await write()
      else {
        await new Promise<void>((resolve) => {
          resumeWriting = resolve
        })
      }
    }
  })()
  traffic.catch(() => {})
  return {
    endpoint: local.endpoint,
    streamArn: table.streamArn,
    written,
    parentOf: () => undefined,
    progressed: () => {
      ahead = 0
      resumeWriting()
    },
    async end() {
      isEnding = true
      resumeWriting()
      await traffic
      for (let i = 0; i < 20; i++) await write()
      await setStream(client, table.tableName, 'no stream')
    },
    async [Symbol.asyncDispose]() {
      isEnding = true
      resumeWriting()
      await traffic.catch(() => {})
      client.destroy()
    },
  }
}

function nextItem(written: readonly unknown[], random: Random): { n: number; id: string } {
  return { n: written.length, id: `item-${below(random, ITEMS)}` }
}
