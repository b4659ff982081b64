import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileCheckpointStore } from '../../../src/checkpoints/file.ts'
import { parseToken } from '../../../src/position/parse-token.ts'
import { below, seededRandom } from '../../../src/testing/emulator/state/random.ts'
import { bundleProgram } from '../../support/bundle.ts'
import { numberIn } from '../../support/numbered-token.ts'

const ROUNDS = Number(process.env.CRASH_KILLS ?? 8)
const NAME = 'shared'

let folder = ''
let program = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'file-writers-'))
  program = await bundleProgram(new URL('file-writer.ts', import.meta.url), join(folder, 'program'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Writer {
  readonly process: ChildProcess
  /** The last number that the writer has reported as saved. */
  acknowledged: number
}

function startWriter(checkpoints: string, first: number): Writer {
  const child = fork(program, [checkpoints, NAME, String(first)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const writer: Writer = { process: child, acknowledged: 0 }
  child.on('message', (number) => {
    writer.acknowledged = Number(number)
  })
  return writer
}

async function kill({ process }: Writer): Promise<void> {
  const closed = once(process, 'close')
  process.kill('SIGKILL')
  await closed
}

test('a checkpoint file that two writers share is never torn when they are killed, and contains the last save', async () => {
  const checkpoints = join(folder, 'checkpoints')
  const store = fileCheckpointStore(checkpoints)
  const random = seededRandom('1', 'kills')
  const isEven = (number: number) => number % 2 === 0
  const load = async () => numberIn(parseToken(await store.load(NAME))) ?? 0
  let next = 1
  for (let round = 0; round < ROUNDS; round++) {
    const [odd, even] = [startWriter(checkpoints, next), startWriter(checkpoints, next + 1)]
    await Promise.all([odd, even].map(({ process }) => once(process, 'message')))
    await wait(below(random, 25))
    await kill(odd)
    // The checkpoint is the killed writer's until the other writer saves again.
    while (!isEven(await load())) await wait(1)
    await wait(below(random, 15))
    await kill(even)
    const last = await load()
    expect(isEven(last)).toBe(true)
    expect(last).toBeGreaterThanOrEqual(even.acknowledged)
    next = Math.max(last, odd.acknowledged + 1, even.acknowledged) + 1
  }
  const others = (await readdir(checkpoints)).filter((file) => !file.endsWith('.tmp'))
  expect(others).toEqual(['shared.json'])
})
