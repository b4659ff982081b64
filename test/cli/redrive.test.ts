import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hashItemKey } from '../../src/records/item-key.ts'
import { letterJson } from '../unit/redrive/redrive-subject.ts'
import { runHere, startCli, temporaryFolder } from './support.ts'

// Processes are slow to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const SECRET = 'canary-5f2b'
const folder = temporaryFolder()

let sqs: FauxqsServer
beforeAll(async () => {
  sqs = await startFauxqs({ port: 0, logger: false })
  // The host names in the URLs of its queues cannot be resolved everywhere.
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', sqs.address)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await sqs.stop()
})

/** Creates a queue with messages, and returns its URL. */
async function queueWith(name: string, ...bodies: readonly string[]): Promise<string> {
  const { queueUrl: url } = sqs.createQueue(name)
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = new SQSClient({ endpoint: sqs.address, region: 'us-east-1', credentials })
  for (const MessageBody of bodies) await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody }))
  client.destroy()
  return url
}

let files = 0
function file(text: string, extension = 'jsonl'): string {
  const path = join(folder, `${++files}.${extension}`)
  writeFileSync(path, text)
  return path
}

function lettersFile(...lines: readonly string[]): string {
  return file(lines.map((line) => `${line}\n`).join(''))
}

/**
 * Returns a handler module that appends the key and the number of each record to a file.
 *
 * @param before - code that runs first, in which `record`, `context` and `log` are defined.
 */
function recordingHandler(before = ''): { readonly path: string; readonly handled: () => string[] } {
  const log = file('', 'log')
  const code = `
    import { appendFileSync, existsSync } from 'node:fs'
    import { setTimeout as wait } from 'node:timers/promises'
    const log = (line) => appendFileSync(${JSON.stringify(log)}, line + '\\n')
    export default {
      retry: { minDelayMs: 0, maxDelayMs: 0 },
      async handler(record, context) {
        ${before}
        log(record.keys.id + record.sequenceNumber)
      },
    }`
  return { path: file(code, 'mjs'), handled: () => readFileSync(log, 'utf8').split('\n').slice(0, -1) }
}

describe('handling letters', () => {
  test('the letters in a file are handled in order, and a second redrive finds none', async () => {
    const from = lettersFile(letterJson(2, SECRET), letterJson(1, SECRET), letterJson(3, 'other'))
    const { path, handled } = recordingHandler()
    const args = ['redrive', '--from', from, '--handler', path]
    const { code, stdout, stderr } = await runHere(args)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(handled().filter((line) => line.startsWith(SECRET))).toEqual([`${SECRET}1`, `${SECRET}2`])
    expect(stderr.split('\n')).toEqual([
      `dynamodb-stream-iterator: handling the letters in ${from}`,
      'dynamodb-stream-iterator: warning: a letter can be older than what was handled after it, which the handler must not overwrite',
      'dynamodb-stream-iterator: found 3 letters',
      'dynamodb-stream-iterator: handled 3 of 3 letters (3 records)',
      '',
    ])
    const second = await runHere(args)
    expect(second.code).toBe(0)
    expect(second.stderr).toContain('handled 0 of 0 letters (0 records); 3 handled by an earlier redrive')
    expect(handled()).toHaveLength(3)
  })

  test('the messages of a queue are handled and deleted', async () => {
    const from = await queueWith('plain', letterJson(2, 'a'), letterJson(1, 'a'))
    const { path, handled } = recordingHandler()
    const args = ['redrive', '--from', from, '--handler', path, '--wait', '1']
    expect(await runHere(args)).toMatchObject({ code: 0 })
    expect(handled()).toEqual(['a1', 'a2'])
    expect((await runHere(args)).stderr).toContain('handled 0 of 0 letters')
  })

  test('letters that fail or are malformed are reported without a value of an item, and exit with 1', async () => {
    const from = lettersFile(
      letterJson(1, SECRET),
      letterJson(2, SECRET),
      'no letter',
      `{"${SECRET}":"${SECRET}"}`,
      letterJson(3, 'b'),
    )
    const { path, handled } = recordingHandler(
      `if (record.keys.id !== 'b') throw new RangeError(record.keys.id)`,
    )
    const { code, stdout, stderr } = await runHere(['redrive', '--from', from, '--handler', path])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(handled()).toEqual(['b3'])
    const key = hashItemKey(`{"id":{"S":"${SECRET}"}}`)
    for (const line of [
      'line 3: the letter is not valid JSON; left in its place',
      'line 4: it is not a dead letter: DDBStreamBatchInfo is missing; left in its place',
      `line 1: record 1 (key ${key}) failed 3 times (RangeError); left in its place`,
      'handled 1 of 5 letters (1 record); 1 failed; 1 not started, because an earlier letter of the item was not handled; 2 malformed',
    ]) {
      expect(stderr).toContain(`dynamodb-stream-iterator: ${line}\n`)
    }
    expect(stderr).not.toContain(SECRET)
  })

  test('with --keep letters stay as they are, with --delete the file is deleted', async () => {
    const from = lettersFile(letterJson(1, 'a'))
    const { path, handled } = recordingHandler()
    const args = ['redrive', '--from', from, '--handler', path]
    expect((await runHere([...args, '--keep'])).code).toBe(0)
    expect((await runHere([...args, '--delete'])).code).toBe(0)
    expect(handled()).toEqual(['a1', 'a1'])
    expect(existsSync(from)).toBe(false)
    expect(existsSync(`${from}.redriven`)).toBe(false)
  })

  test('--limit, --max-attempts and --name are applied', async () => {
    const from = lettersFile(
      letterJson(1, 'a', { name: 'mailer' }),
      ...[2, 3, 4].map((number) => letterJson(number, 'a')),
    )
    const { path, handled } = recordingHandler(
      `log('attempt ' + context.attempt); if (record.sequenceNumber === '3') throw new Error()`,
    )
    const args = ['redrive', '--from', from, '--handler', path, '--name', 'indexer']
    const limited = await runHere([...args, '--limit', '1'])
    expect(limited.stderr).toContain(
      'handled 1 of 4 letters (1 record); 1 of another function or run; 2 not started',
    )
    expect(limited.code).toBe(0)
    expect((await runHere([...args, '--max-attempts', '2'])).code).toBe(1)
    expect(handled()).toEqual(['attempt 1', 'a2', 'attempt 1', 'attempt 2'])
  })

  test('Ctrl-C waits for the running handler, removes its letter, and makes the others available', async () => {
    const from = await queueWith('interrupted', letterJson(1, 'a'), letterJson(2, 'a'), letterJson(3, 'b'))
    const flag = join(folder, 'may-end')
    const { path, handled } = recordingHandler(`
      console.error('started ' + record.sequenceNumber)
      while (!existsSync(${JSON.stringify(flag)})) await wait(10)`)
    const args = ['redrive', '--from', from, '--handler', path, '--wait', '1']
    const { child, seen, ended } = startCli([...args, '--concurrency', '1'], {
      AWS_ENDPOINT_URL_SQS: sqs.address,
    })
    await seen('stderr', 'started 1')
    child.kill('SIGINT')
    await seen('stderr', 'stopping once the running handlers have finished')
    writeFileSync(flag, '')
    const { code, stderr } = await ended
    expect(code).toBe(130)
    expect(stderr).toContain('handled 1 of 3 letters (1 record); 2 not started')
    expect((await runHere(args)).stderr).toContain('handled 2 of 2 letters')
    expect(handled().toSorted()).toEqual(['a1', 'a2', 'b3'])
  })

  test('a second Ctrl-C ends the process while a handler hangs, and no letter is lost', async () => {
    const from = lettersFile(letterJson(1, 'a'))
    const { path } = recordingHandler(`
      console.error('started')
      await wait(60_000)`)
    const { child, seen } = startCli(['redrive', '--from', from, '--handler', path])
    await seen('stderr', 'started')
    // Two signals that arrive at the same time are delivered as one.
    await vi.waitFor(
      () => {
        child.kill('SIGINT')
        expect(child.signalCode ?? child.exitCode).not.toBeNull()
      },
      { timeout: 50_000 },
    )
    const { path: other, handled } = recordingHandler()
    expect((await runHere(['redrive', '--from', from, '--handler', other])).code).toBe(0)
    expect(handled()).toEqual(['a1'])
  })

  test('a redrive that is killed after the handler, before the mark, handles that letter again', async () => {
    const from = lettersFile(letterJson(1, 'a'), letterJson(2, 'a'))
    const { path, handled } = recordingHandler(`
      if (record.sequenceNumber === '1' && !existsSync(${JSON.stringify(join(folder, 'killed'))})) {
        appendFileSync(${JSON.stringify(join(folder, 'killed'))}, '')
        log('a1')
        process.kill(process.pid, 'SIGKILL')
      }`)
    const args = ['redrive', '--from', from, '--handler', path]
    await startCli(args).ended
    expect(handled()).toEqual(['a1'])
    expect((await runHere(args)).code).toBe(0)
    expect(handled()).toEqual(['a1', 'a1', 'a2'])
  })
})

describe('--dry-run', () => {
  test('the records are listed in order, nothing is handled or removed, and no value is shown', async () => {
    const from = await queueWith(
      'listed',
      letterJson(2, SECRET, { condition: 'Rejected', attempts: 1, task: 'send mail' }),
      letterJson(1, SECRET),
      SECRET,
    )
    const { path, handled } = recordingHandler()
    const args = ['redrive', '--from', from, '--dry-run', '--wait', '1']
    for (let run = 0; run < 2; run++) {
      const { code, stdout, stderr } = await runHere([...args, '--handler', path])
      const key = hashItemKey(`{"id":{"S":"${SECRET}"}}`)
      const shard = 'shardId-00000001767225600000-0a1b2c3d'
      expect(
        stdout
          .split('\n')
          .map((line) => line.replace(/\d+ d \d+ h old/, 'AGE').replace(/ {2}[\w-]{36}$/, '')),
      ).toEqual([
        `RetryAttemptsExhausted  ${key}  ${shard}  1  AGE  3 attempts`,
        `Rejected  ${key}  ${shard}  2  AGE  1 attempt  task send mail`,
        '',
      ])
      expect(stderr).toMatch(/message [\w-]{36}: the letter is not valid JSON; left in its place/)
      expect(stderr).toMatch(/: 2 letters would be handled; 1 malformed\n$/)
      expect(stdout + stderr).not.toContain(SECRET)
      expect(code).toBe(1)
    }
    expect(handled()).toEqual([])
  })

  test('--json prints one object per record, and --limit only the first letters', async () => {
    const from = lettersFile(letterJson(2, 'a'), letterJson(1, 'a'), letterJson(3, 'a'))
    const args = ['redrive', '--from', from, '--dry-run', '--json', '--limit', '2']
    const { code, stdout, stderr } = await runHere(args)
    const listed = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(code).toBe(0)
    expect(stderr).toMatch(/: 2 of 3 letters would be handled\n$/)
    expect(listed.map(({ place, sequenceNumber }) => ({ place, sequenceNumber }))).toEqual([
      { place: '2', sequenceNumber: '1' },
      { place: '1', sequenceNumber: '2' },
    ])
    expect(listed[0]).toMatchObject({ condition: 'RetryAttemptsExhausted', attempts: 3, name: 'indexer' })
    expect(existsSync(`${from}.redriven`)).toBe(false)
  })

  test('control characters in a letter are escaped', async () => {
    const letter = JSON.parse(letterJson(1, 'a'))
    letter.requestContext.condition = 'red \u001b[31m\nforged'
    const from = lettersFile(JSON.stringify(letter))
    for (const option of [[], ['--json']]) {
      const { stdout } = await runHere(['redrive', '--from', from, '--dry-run', ...option])
      expect(stdout).not.toContain('\u001b')
      expect(stdout.trim().split('\n')).toHaveLength(1)
    }
  })
})

describe('failures of the command', () => {
  const missing = join(folder, 'missing')

  test.each<[string, () => readonly string[], number, RegExp]>([
    [
      'a file that does not exist',
      () => ['--from', missing],
      3,
      /Cannot read \S+missing: it does not exist \(ENOENT\) \[source\.notFound\]/,
    ],
    ['a folder', () => ['--from', folder], 1, /Cannot read .* \[source\.failed\]/],
    [
      'a queue that does not exist',
      () => ['--from', `${sqs.address}/000000000000/missing`],
      3,
      /Cannot receive messages from the queue http:\S+missing: .* \[source\.notFound\]/,
    ],
    [
      'a bucket that does not exist',
      () => ['--from', 's3://missing/x', '--endpoint', sqs.address],
      3,
      /Cannot list the objects of the bucket missing: .*NoSuchBucket\) \[source\.notFound\]/,
    ],
    [
      'a bucket at an address that refuses connections',
      () => ['--from', 's3://bucket', '--endpoint', 'http://127.0.0.1:1'],
      6,
      /Cannot list the objects of the bucket bucket: .*ECONNREFUSED.* \[source\.failed\]/,
    ],
  ])('%s fails the redrive and the dry run with one line', async (_, source, code, message) => {
    const { path } = recordingHandler()
    for (const mode of [['--dry-run'], ['--handler', path]]) {
      const result = await runHere(['redrive', ...source(), ...mode, '--wait', '1'])
      expect(result).toMatchObject({ code, stdout: '' })
      expect(result.stderr.trim().split('\n').at(-1)).toMatch(message)
    }
  })

  test('a wrong handler module fails before anything is read', async () => {
    const from = lettersFile(letterJson(1, 'a'))
    for (const code of [
      'export default 5',
      'export const handler = 1',
      'throw new Error("x")',
      'export default {',
    ]) {
      const result = await runHere(['redrive', '--from', from, '--handler', file(code, 'mjs')])
      expect(result).toMatchObject({ code: 2, stdout: '' })
      expect(result.stderr.trim().split('\n')).toHaveLength(1)
    }
  })

  test('a queue is called at its URL, unless the endpoint of SQS is set', async () => {
    const from = 'http://127.0.0.1:1/000000000000/failed'
    const { code, stderr } = await startCli(['redrive', '--from', from, '--dry-run']).ended
    expect(code).toBe(6)
    expect(stderr).toMatch(
      /^\S+: Cannot receive messages from the queue \S+: .*ECONNREFUSED.* \[source\.failed\]\n$/,
    )
  })

  test('a missing region is a usage error', async () => {
    const { path } = recordingHandler()
    const { ended } = startCli(['redrive', '--from', 's3://bucket', '--handler', path])
    const { code, stderr } = await ended
    expect(code).toBe(2)
    expect(stderr).toContain('No region is configured: use --region, or set AWS_REGION [usage]')
  })

  test('missing credentials for a queue in AWS exit with 4', async () => {
    const from = 'https://sqs.eu-west-1.amazonaws.com/123456789012/failed'
    const { code, stderr } = await startCli(['redrive', '--from', from, '--dry-run']).ended
    expect(code).toBe(4)
    expect(stderr).toMatch(/Cannot receive messages from the queue .*redentials.* \[source\.denied\]/)
  })
})
