import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type DynamoDBLocal, startDynamoDBLocal } from '../../support/dynamodb-local.ts'
import { faketimeLibrary, type LocalVersion } from '../../support/requirements.ts'

export interface JumpingLocal extends AsyncDisposable {
  readonly local: DynamoDBLocal
  /** Sets its clock forward, and waits until it shows the new time. */
  jump(ms: number): Promise<void>
}

/** A DynamoDB Local whose clock can be set forward. */
export async function startJumpingLocal(version: LocalVersion): Promise<JumpingLocal> {
  // The older one looks every five minutes whether to replace a shard, and a jump does not wake it.
  const speed = version === 'rolling' ? 200 : 1
  const folder = await mkdtemp(join(tmpdir(), 'faketime-'))
  const offset = join(folder, 'offset')
  const setTo = (aheadMs: number) => writeFile(offset, `+${aheadMs / 1000}s x${speed}`)
  await setTo(0)
  const local = await withEnvironment(
    {
      LD_PRELOAD: faketimeLibrary() ?? '',
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
    },
    () => startDynamoDBLocal({ version, speed: 1 }),
  )
  let aheadMs = 0
  return {
    local,
    jump: async (ms) => {
      const before = await timeOf(local)
      aheadMs += ms
      await setTo(aheadMs)
      // Its answers tell the time to the second.
      while ((await timeOf(local)) < before + ms) await wait(20)
    },
    [Symbol.asyncDispose]: async () => {
      await local.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** Its time, to the second. A jump breaks connections: asks until there is an answer. */
export async function timeOf({ endpoint }: DynamoDBLocal): Promise<number> {
  for (;;) {
    const answer = await fetch(endpoint, { headers: { connection: 'close' } }).catch(() => undefined)
    await answer?.body?.cancel()
    const time = Date.parse(answer?.headers.get('date') ?? '')
    if (!Number.isNaN(time)) return time
    await wait(20)
  }
}

/** Runs `start` with more in the environment that the processes it starts inherit. */
async function withEnvironment<T>(more: Record<string, string>, start: () => Promise<T>): Promise<T> {
  const before = Object.keys(more).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, more)
  try {
    return await start()
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
