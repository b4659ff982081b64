import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fileCheckpointStore } from 'dynamodb-stream-iterator'
import { StreamEmulator, trackConsumer } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import { below, seededRandom } from '../../src/testing/emulator/state/random.ts'
import { startProgram } from '../../test/cli/support.ts'
import { startLedger } from './ledger.ts'

const KILLS = Number(process.env.RECIPE_KILLS ?? 8)
const SEED = process.env.RECIPE_SEED ?? '1'
const ACCOUNTS = 25

const program = fileURLToPath(new URL('worker.ts', import.meta.url))

test(`a worker that is killed ${KILLS} times books every change once and in order (seed ${SEED})`, {
  timeout: 120_000 + KILLS * 20_000,
}, async () => {
  const random = seededRandom(SEED, 'kills')
  const emulator = new StreamEmulator({ tableName: 'accounts', shards: 2, seed: SEED })
  const history = trackConsumer(emulator)
  /** What the ledger should contain in the end. */
  const balances: Record<string, number> = {}
  const write = () => {
    const id = `account-${below(random, ACCOUNTS)}`
    balances[id] = below(random, 1_000)
    emulator.put({ id, cents: balances[id], version: emulator.records.length })
  }
  for (let n = 0; n < 150; n++) write()

  let received = 0
  let onReceived = () => {}
  let isWriting = true
  await using ledger = await startLedger(({ eventId }) => {
    const record = emulator.records.find((one) => one.eventId === eventId)
    if (record) history.processed(record)
    if (isWriting) write()
    received++
    onReceived()
  })
  const receive = (count: number) =>
    new Promise<void>((resolve) => {
      const target = received + count
      onReceived = () => {
        if (received >= target) resolve()
      }
    })
  await using server = await emulator.listen()
  const folder = mkdtempSync(join(tmpdir(), 'killed-worker-'))
  const start = () =>
    startProgram(program, ['accounts'], {
      AWS_ENDPOINT_URL: server.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      LEDGER_URL: ledger.url,
      STATE_DIRECTORY: folder,
    })
  const store = fileCheckpointStore(join(folder, 'checkpoints'))

  for (let kill = 0; kill < KILLS; kill++) {
    const { child, ended, output } = start()
    const failed = ended.then(({ code }) =>
      Promise.reject(new Error(`exited with ${code}: ${output.stderr}`)),
    )
    failed.catch(() => {})
    await Promise.race([receive(1 + below(random, 60)), failed])
    // Half of the workers are killed while they wait for a response.
    ledger.loseResponses(below(random, 2) === 0)
    await wait(below(random, 30))
    child.kill('SIGKILL')
    expect((await ended).code).toBeNull()
    await ledger.disconnected()
    ledger.loseResponses(false)
    history.restarted(await store.load('bookkeeper'))
    if (kill % 3 === 2) emulator.split()
  }

  isWriting = false
  emulator.disable()
  const last = await start().ended
  expect(last, last.stderr).toMatchObject({ code: 0 })
  const before = received
  history.restarted(await store.load('bookkeeper'))
  expect(await start().ended).toMatchObject({ code: 0 })
  expect(received - before).toBe(0)

  expect(ledger.balances()).toEqual(balances)
  expect(ledger.entries).toHaveLength(emulator.records.length)
  expect(outOfOrder(ledger.entries, emulator)).toEqual([])
  // Nothing that the last checkpoint before a kill covers is repeated. Something else is, after most kills.
  expect(history.report()).toMatchObject({ lost: [], repeated: [], unknown: [], restarts: KILLS + 1 })
  expect(received - emulator.records.length).toBeGreaterThan(0)
})

/** The entries that were booked after a later one of the same account. */
function outOfOrder(entries: readonly { eventId: string; account: string }[], emulator: StreamEmulator) {
  const places = new Map(emulator.records.map(({ eventId }, place) => [eventId, place]))
  const lastPlaces = new Map<string, number>()
  return entries.filter(({ eventId, account }) => {
    const place = places.get(eventId) ?? -1
    const isLate = place < (lastPlaces.get(account) ?? -1)
    lastPlaces.set(account, place)
    return isLate
  })
}
