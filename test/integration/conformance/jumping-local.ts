import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type DynamoDBLocal, serverTime, startDynamoDBLocal } from '../../support/dynamodb-local.ts'
import { faketimeLibrary, type LocalVersion } from '../../support/requirements.ts'

export interface JumpingLocal extends AsyncDisposable {
  readonly local: DynamoDBLocal
  /** Sets the clock forward, and waits until DynamoDB Local reports the new time. */
  jump(ms: number): Promise<void>
}

/** Starts a DynamoDB Local whose clock can be set forward. */
export async function startJumpingLocal(version: LocalVersion): Promise<JumpingLocal> {
  // The older version checks every five minutes whether to replace a shard, and a jump does not trigger the
  // check.
  const speed = version === 'rolling' ? 200 : 1
  const folder = await mkdtemp(join(tmpdir(), 'faketime-'))
  const offset = join(folder, 'offset')
  const setOffset = (aheadMs: number) => writeFile(offset, `+${aheadMs / 1000}s x${speed}`)
  await setOffset(0)
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
      await setOffset(aheadMs)
      // The Date header has a resolution of one second.
      while ((await timeOf(local)) < before + ms) await wait(20)
    },
    [Symbol.asyncDispose]: async () => {
      await local.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/**
 * Returns the time of DynamoDB Local in ms, to the second. A jump breaks connections, so failed requests are
 * retried.
 */
export async function timeOf({ endpoint }: DynamoDBLocal): Promise<number> {
  for (;;) {
    const time = await serverTime(endpoint)
    if (time !== undefined) return time
    await wait(20)
  }
}

/** Runs `start` with additional environment variables, which the processes that it starts inherit. */
async function withEnvironment<T>(variables: Record<string, string>, start: () => Promise<T>): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, variables)
  try {
    return await start()
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
