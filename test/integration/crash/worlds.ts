import { PutItemCommand, UpdateTableCommand } from '@aws-sdk/client-dynamodb'
import { below, type Random, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { StreamEmulator } from '../../../src/testing/index.ts'
import type { SharedLocal } from '../../support/shared-local.ts'
import { createTable } from '../../support/tables.ts'
import type { Truth } from './judge.ts'

/** A table with a stream, in which something happens all the time until it is switched off. */
export interface World extends Truth, AsyncDisposable {
  readonly endpoint: string
  readonly streamArn: string
  /** A worker has told of something: it may be time for more. */
  progressed(): void
  /** Writes a last time and ends the stream. */
  end(): Promise<void>
}

/** How many records may be waiting for the worker, more or less: enough for it to be busy whenever it lives. */
const MOST_AHEAD = 150

const ITEMS = 25

/** Several shards that split and roll while they are read; each call of GetRecords finds something new. */
export async function emulatorWorld(seed: string): Promise<World> {
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
  let writtenThen = 0
  const stop = emulator.on('GetRecords', { times: Number.POSITIVE_INFINITY }, () => {
    if (written.length - writtenThen > MOST_AHEAD) return
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
      writtenThen = written.length
    },
    async end() {
      stop()
      write(20)
      // Listings lag also behind a disable.
      emulator.roll(undefined, { hidden: { ms: 500 } })
      write(20)
      emulator.disable()
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}

/** One shard, of the real wire protocol and storage; written to side by side with the worker. */
export async function localWorld(local: SharedLocal, seed: string): Promise<World> {
  const random = seededRandom(seed, 'traffic')
  const client = local.tableClient()
  const { tableName, streamArn } = await createTable(client)
  const written: { n: number; id: string }[] = []
  let isEnding = false
  let ahead = 0
  let goOn = () => {}
  const write = async () => {
    const { id, n } = nextItem(written, random)
    await client.send(
      new PutItemCommand({ TableName: tableName, Item: { id: { S: id }, n: { N: String(n) } } }),
    )
    written.push({ id, n })
    ahead++
  }
  const traffic = (async () => {
    while (!isEnding) {
      if (ahead < MOST_AHEAD) await write()
      else
        await new Promise<void>((resolve) => {
          goOn = resolve
        })
    }
  })()
  traffic.catch(() => {})
  return {
    endpoint: local.endpoint,
    streamArn,
    written,
    parentOf: () => undefined,
    progressed: () => {
      ahead = 0
      goOn()
    },
    async end() {
      isEnding = true
      goOn()
      await traffic
      for (let i = 0; i < 20; i++) await write()
      await client.send(
        new UpdateTableCommand({ TableName: tableName, StreamSpecification: { StreamEnabled: false } }),
      )
    },
    async [Symbol.asyncDispose]() {
      isEnding = true
      goOn()
      await traffic.catch(() => {})
      client.destroy()
    },
  }
}

function nextItem(written: readonly unknown[], random: Random): { n: number; id: string } {
  return { n: written.length, id: `item-${below(random, ITEMS)}` }
}
