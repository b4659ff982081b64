import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { expectDelivered } from '../../src/testing/index.ts'
import { makePipe, runHere, serveEmulator, startCli, startCliInShell, temporaryFolder } from './support.ts'

// Processes are slow to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

/** Writes items across a split and a rollover, so that their history spans several shards. */
function history(write: (items: number) => void, emulator: { split(): unknown; roll(): unknown }): void {
  write(40)
  emulator.split()
  write(40)
  emulator.roll()
  write(40)
}

describe('tail', () => {
  test('tail prints one JSON line per record, parents before children, and nothing else on stdout', async () => {
    await using served = await serveEmulator({ shards: 2 })
    const { emulator } = served
    history((items) => emulator.fill({ records: items, bytes: 100 }), emulator)
    const { code, stdout, stderr, records } = await startCli(['tail', ...served.source, '--no-follow']).ended
    expect(code).toBe(0)
    expectDelivered(emulator.records, records)
    expect(stdout.trim().split('\n')).toHaveLength(120)
    expect(stderr.trim().split('\n')).toEqual([
      `dynamodb-stream-iterator: reading ${emulator.streamArn} from trim_horizon`,
      'dynamodb-stream-iterator: printed 120 records',
    ])
  })

  test('tail starts at latest by default, and saves that position even if no record arrives', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    const checkpoint = join(temporaryFolder(), 'position.json')
    emulator.put({ id: 'old' }, { createdAt: Date.now() - 60_000 })
    const tail = startCli(['tail', ...served.source, '--checkpoint', checkpoint])
    await tail.seen('stderr', 'from latest')
    tail.child.kill('SIGINT')
    expect((await tail.ended).code).toBe(0)
    emulator.put({ id: 'new' })
    const { records } = await runHere(['tail', ...served.source, '--checkpoint', checkpoint, '--no-follow'])
    expect(records.map(({ keys }) => keys.id)).toEqual(['new'])
  })

  test('tail stops after --limit records, and the next run continues after them from the checkpoint', async () => {
    await using served = await serveEmulator({ shards: 2 })
    const { emulator } = served
    const checkpoint = join(temporaryFolder(), 'position.json')
    const args = ['tail', ...served.source, '--checkpoint', checkpoint, '--from', 'trim_horizon']
    history((items) => emulator.fill({ records: items, bytes: 100 }), emulator)
    const first = await runHere([...args, '--limit', '17'])
    expect(first.records).toHaveLength(17)
    expect(first.stderr).toContain(`printed 17 records; position saved in ${checkpoint}`)
    expect(statSync(checkpoint).mode & 0o777).toBe(0o600)
    const second = await runHere([...args, '--no-follow'])
    expect(second.stderr).toContain(`from the checkpoint in ${checkpoint} (ignoring --from)`)
    expectDelivered(emulator.records, [...first.records, ...second.records])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'tail saves the checkpoint on %s, and the next run neither loses nor repeats a record',
    async (signal) => {
      await using served = await serveEmulator({ shards: 2 })
      const { emulator } = served
      const checkpoint = join(temporaryFolder(), 'position.json')
      const args = ['tail', ...served.source, '--checkpoint', checkpoint, '--from', 'trim_horizon']
      history((items) => emulator.fill({ records: items, bytes: 100 }), emulator)
      const last = emulator.put({ id: 'last' })
      const tail = startCli(args)
      // Up to the line break: before that, the process does not know that the record was printed.
      await tail.seen('stdout', new RegExp(`"${last?.sequenceNumber}".*\n`))
      tail.child.kill(signal)
      const first = await tail.ended
      expect(first.code).toBe(0)
      emulator.split()
      emulator.fill({ records: 20, bytes: 100 })
      const second = await runHere([...args, '--no-follow'])
      expect(second.records).toHaveLength(20)
      expectDelivered(emulator.records, [...first.records, ...second.records])
    },
  )

  test('tail ends without an error when the reader of its output has exited, as in tail | head', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    emulator.fill({ records: 3_000, bytes: 1_000 })
    const tail = startCli(['tail', ...served.source, '--from', 'trim_horizon'])
    await once(tail.child.stdout, 'data')
    tail.child.stdout.destroy()
    const { code, stderr } = await tail.ended
    expect(code).toBe(0)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  test('tail does not acknowledge records that the reader of its output did not take, and reports them', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    const folder = temporaryFolder()
    const checkpoint = join(folder, 'position.json')
    const args = ['tail', ...served.source, '--checkpoint', checkpoint, '--from', 'trim_horizon']
    emulator.fill({ records: 3_000, bytes: 1_000 })
    const pipe = makePipe(folder)
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const tail = startCliInShell(`exec "$@" > '${pipe}'`, args)
    // The first batch is larger than the buffer of a pipe: from now on the process is blocked.
    await vi.waitFor(() => expect(readSync(reader, new Uint8Array(1))).toBe(1), { timeout: 110_000 })
    tail.child.kill('SIGINT')
    const first = await tail.ended
    const taken = readFileSync(reader, 'utf8').split('\n').slice(1, -1)
    closeSync(reader)
    expect(first.code).toBe(0)
    expect(first.stderr).toMatch(
      /: printed 0 records; \d+ records? not read from standard output; position saved in \S+\n$/,
    )
    expect(taken.length).toBeGreaterThan(0)
    const second = await runHere([...args, '--no-follow'])
    expectDelivered(emulator.records, second.records)
  })

  test('tail --no-follow ends even though new records keep arriving', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    for (let n = 0; n < 10; n++) emulator.put({ id: 'old', n })
    const later = Date.now() + 60_000
    let n = 0
    emulator.on('GetRecords', { times: Number.POSITIVE_INFINITY }, () => {
      emulator.put({ id: 'new', n: n++ }, { createdAt: later + n * 1_000 })
    })
    const { code, records } = await runHere(['tail', ...served.source, '--no-follow'])
    expect(code).toBe(0)
    expect(records.filter(({ keys }) => keys.id === 'old')).toHaveLength(10)
  })

  test('tail reports transient errors on stderr and continues', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    emulator.fill({ records: 10, bytes: 100 })
    // More often than the SDK itself retries.
    emulator.on('GetRecords', { times: 6 }, { fail: 'InternalServerError' })
    const { code, records, stderr } = await runHere(['tail', ...served.source, '--no-follow'])
    expect(code).toBe(0)
    expect(records).toHaveLength(10)
    expect(stderr).toMatch(
      /dynamodb-stream-iterator: GetRecords on shard \w+ failed on attempt 1 \(.*InternalServerError.*\); retrying/,
    )
  })

  test('tail stops at trimmed records, and continues after them only with --on-gap continue', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    const checkpoint = join(temporaryFolder(), 'position.json')
    const args = ['tail', ...served.source, '--checkpoint', checkpoint, '--no-follow']
    emulator.fill({ records: 10, bytes: 100 })
    await runHere([...args, '--limit', '2'])
    const before = readFileSync(checkpoint, 'utf8')
    emulator.trim({ shard: emulator.shards[0]?.shardId ?? '', through: emulator.records[4]?.sequenceNumber })
    const stopped = await runHere(args)
    expect(stopped).toMatchObject({ code: 5, stdout: '' })
    const [, ...lines] = stopped.stderr.trim().split('\n')
    expect(lines).toEqual([
      expect.stringMatching(/trimmed before they were read\. Use --on-gap continue .*\[records\.trimmed\]$/),
    ])
    expect(readFileSync(checkpoint, 'utf8')).toBe(before)
    const continued = await runHere([...args, '--on-gap', 'continue'])
    expect(continued.code).toBe(0)
    expect(continued.records).toHaveLength(5)
    expect(continued.stderr).toMatch(
      /dynamodb-stream-iterator: gap: records of shardId-\S+ after \d+ were trimmed before they were read\n/,
    )
  })

  test('tail --from accepts a time and a file that contains a token', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    const now = Math.floor(Date.now() / 1_000) * 1_000
    for (const minute of [3, 2, 1]) emulator.put({ id: `${minute}` }, { createdAt: now - minute * 60_000 })
    const { shardId, sequenceNumber } = emulator.records[1] as { shardId: string; sequenceNumber: string }
    const file = join(temporaryFolder(), 'token.json')
    const token = {
      version: 1,
      streamArn: emulator.streamArn,
      shards: [{ shardId, at: { after: sequenceNumber } }],
    }
    writeFileSync(file, JSON.stringify(token))
    const time = new Date(now - 120_000).toISOString()
    const idsFrom = async (from: string) => {
      const { records } = await runHere(['tail', ...served.source, '--no-follow', '--from', from])
      return records.map(({ keys }) => keys.id)
    }
    expect(await idsFrom(time)).toEqual(['2', '1'])
    expect(await idsFrom(file)).toEqual(['1'])
  })

  test('tail --format pretty prints records and their changes for people', async () => {
    await using served = await serveEmulator()
    const { emulator } = served
    emulator.put({ id: 'a', status: 'placed' })
    emulator.put({ id: 'a', status: 'paid' })
    const { stdout } = await runHere(['tail', ...served.source, '--no-follow', '--format', 'pretty'])
    expect(stdout).toMatch(
      /INSERT {2}\{ id: 'a' \}.*\n {2}status: 'placed'\n.*MODIFY {2}\{ id: 'a' \}.*\n {2}status: 'placed' → 'paid'\n$/,
    )
  })

  test.each(['json', 'pretty'])('tail --format %s escapes control characters in items', async (format) => {
    await using served = await serveEmulator()
    const { emulator } = served
    const item = { id: 'a\x1b[2J', '\x1b]0;title\x07': 'line\nbreak', list: ['\u202e', '\x9b31m'] }
    emulator.put(item)
    emulator.put({ ...item, '\x1b]0;title\x07': '\r' })
    const { stdout, records } = await runHere(['tail', ...served.source, '--no-follow', '--format', format])
    expect(stdout).toContain('0;title')
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    if (format === 'json') expect(records[0]?.newImage).toEqual(item)
  })
})
