import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { runHere, type ServedEmulator, serveEmulator, startCli, temporaryFolder } from './support.ts'

// Processes are slow to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let served: ServedEmulator
const folder = temporaryFolder()
/** A server that never responds. */
const silent = createServer(() => {})

beforeAll(async () => {
  served = await serveEmulator()
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
})

afterAll(async () => {
  silent.closeAllConnections()
  silent.close()
  await served[Symbol.asyncDispose]()
})

const arn = 'arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'
/** A token for another stream than that of the emulator. */
const foreign = JSON.stringify({ version: 1, streamArn: arn, shards: [] })
const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

interface BadCase {
  readonly args: () => readonly string[]
  /** The environment, if the command needs another process. */
  readonly env?: Record<string, string>
  readonly code: number
  readonly says: RegExp
}

const cases: Record<string, BadCase> = {
  'an unknown table': {
    args: () => ['tail', '--table', 'none', '--endpoint', served.endpoint],
    code: 3,
    says: /There is no table "none" at http:\/\/127\S+\. Check the name, the region and the credentials \[stream\.notFound\]/,
  },
  'the ARN of a stream that does not exist': {
    args: () => ['tail', '--arn', arn, '--endpoint', served.endpoint],
    code: 3,
    says: /There is no stream arn:\S+000 at http:\/\/127\S+\. Its table may .* are wrong \[stream\.notFound\]/,
  },
  'a missing region': {
    args: () => ['tail', '--table', 'orders'],
    env: keys,
    code: 2,
    says: /No region is configured: use --region, or set AWS_REGION \[usage\]/,
  },
  'a lack of credentials': {
    args: () => ['tail', '--table', 'orders', '--region', 'us-east-1'],
    env: {},
    code: 4,
    says: /Could not load credentials.*\(region us-east-1\)\. Set AWS_ACCESS_KEY_ID .*\[CredentialsProviderError\]/,
  },
  'a table at an endpoint that refuses connections': {
    args: () => ['tail', '--table', 'orders', '--endpoint', 'http://127.0.0.1:1', '--timeout', '1'],
    code: 6,
    says: /No response from http:\/\/127\.0\.0\.1:1 \(.*ECONNREFUSED.*\)\. Check the network, --endpoint and --region \[service\.unreachable\]/,
  },
  'a stream at an endpoint that refuses connections': {
    args: () => ['tail', '--arn', arn, '--endpoint', 'http://127.0.0.1:1', '--timeout', '1'],
    env: {},
    code: 6,
    says: /No response from http:\/\/127\.0\.0\.1:1 \(tried for 1 s: .*ECONNREFUSED.*\)\. Check .*\[service\.unreachable\]/,
  },
  'an endpoint that never responds': {
    args: () => {
      const { port } = silent.address() as AddressInfo
      return ['tail', '--table', 'orders', '--endpoint', `http://127.0.0.1:${port}`, '--timeout', '1']
    },
    code: 6,
    says: /No response from .* \(tried for 1 s\)\. Check .*\[service\.unreachable\]/,
  },
  'a token file that is not JSON': {
    // The content is not quoted, because a wrong file may contain a secret.
    args: () => ['tail', ...served.source, '--from', file('text.json', 'no token')],
    code: 7,
    says: /--from \S+text\.json: The token is not valid JSON \(8 characters\) \[token\.invalid\]/,
  },
  'a checkpoint that cannot be saved': {
    // The name of the temporary file that a save writes is too long.
    args: () => ['tail', ...served.source, '--checkpoint', join(folder, 'x'.repeat(250))],
    code: 7,
    says: /--checkpoint \S+x cannot be saved: the path is too long \(ENAMETOOLONG\) \[checkpoint\.failed\]/,
  },
  'a checkpoint for lag that does not exist': {
    args: () => ['lag', ...served.source, '--checkpoint', join(folder, 'none.json')],
    code: 7,
    says: /--checkpoint \S+none\.json does not exist \[checkpoint\.failed\]/,
  },
  'a checkpoint that is a folder': {
    args: () => ['lag', ...served.source, '--checkpoint', folder],
    code: 7,
    says: /--checkpoint \S+ cannot be read: it is a folder \(EISDIR\) \[checkpoint\.failed\]/,
  },
  'a damaged checkpoint for lag': {
    args: () => ['lag', ...served.source, '--checkpoint', file('damaged.json', '{')],
    code: 7,
    says: /--checkpoint \S+damaged\.json: The token is not valid JSON \(1 character\) \[token\.invalid\]/,
  },
  'a token file for another stream': {
    args: () => ['tail', ...served.source, '--from', file('foreign.json', foreign)],
    code: 7,
    says: /--from \S+ is a position in the stream arn:.*, not in arn:\S+\. Use a token of this stream \[token\.streamMismatch\]/,
  },
  'a checkpoint for lag and another stream': {
    args: () => ['lag', ...served.source, '--checkpoint', file('foreign.json', foreign)],
    code: 7,
    says: /--checkpoint \S+ is a position in the stream arn:.*, not in arn:\S+\. Use a token of this stream \[token\.streamMismatch\]/,
  },
  'a limit that is not a number': {
    args: () => ['tail', ...served.source, '--limit', 'many'],
    env: {},
    code: 2,
    says: /--limit is "many", but must be a whole number of 1 or more \[usage\]/,
  },
}

describe('errors', () => {
  for (const [name, { args, env, code, says }] of Object.entries(cases)) {
    test(`${name} is reported in one line on stderr, with exit code ${code}`, async () => {
      const ended = await (env ? startCli(args(), env).ended : runHere(args()))
      expect(ended.stderr).toMatch(new RegExp(`^dynamodb-stream-iterator: .*${says.source}\n$`))
      expect(ended).toMatchObject({ code, stdout: '' })
    })
  }

  test('a checkpoint in a folder that does not exist is reported in one line, and the folder is not created', async () => {
    const typo = join(folder, 'typo')
    const checkpoint = join(typo, 'position.json')
    const ended = await runHere(['tail', ...served.source, '--no-follow', '--checkpoint', checkpoint])
    expect(ended.stderr).toMatch(
      /^dynamodb-stream-iterator: --checkpoint \S+position\.json cannot be saved: its folder does not exist \[checkpoint\.failed\]\n$/,
    )
    expect(ended).toMatchObject({ code: 7, stdout: '' })
    expect(existsSync(typo)).toBe(false)
  })

  test('a table without a stream is reported in one line on stderr, with exit code 3', async () => {
    const server = createServer((request, response) => {
      request.resume()
      response.setHeader('content-type', 'application/x-amz-json-1.0')
      response.end(JSON.stringify({ Table: { TableName: 'orders' } }))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const ended = await runHere(['tail', '--table', 'orders', '--endpoint', endpoint])
    server.closeAllConnections()
    server.close()
    expect(ended.stderr).toMatch(
      /^dynamodb-stream-iterator: The table "orders" has no stream\. Enable one with "aws .*=NEW_AND_OLD_IMAGES" \[stream\.notEnabled\]\n$/,
    )
    expect(ended.code).toBe(3)
  })

  test('rejected credentials are reported in one line on stderr, with exit code 4', async () => {
    await using refusing = await serveEmulator()
    refusing.emulator.on('*', { times: 9 }, { fail: 'UnrecognizedClientException' })
    const ended = await runHere(['tail', ...refusing.source])
    expect(ended.stderr).toMatch(
      /^dynamodb-stream-iterator: .*\. Check the access key.*\[UnrecognizedClientException\]\n$/,
    )
    expect(ended.code).toBe(4)
  })
})

describe('messages', () => {
  test('control characters in an argument are escaped in the error message', async () => {
    const { stderr } = await startCli(['\x1b]0;title\x07']).ended
    expect(stderr).toBe(
      'dynamodb-stream-iterator: Unknown command \\u{1b}]0;title\\u{7}. The commands are tail, shards, lag, redrive, parked, demo [usage]\n',
    )
  })

  test.each([
    ['that refuses connections', 'http://user:s3cret@127.0.0.1:1', 6],
    ['that is not a URL', 'user:s3cret@127.0.0.1', 2],
  ])('an error message never contains the password of an endpoint %s', async (_, endpoint, code) => {
    const args = ['tail', '--table', 'orders', '--timeout', '1', '--endpoint', endpoint]
    const ended = await runHere(args)
    expect(ended.code).toBe(code)
    expect(ended.stderr).toContain(
      code === 6 ? 'No response from http://127.0.0.1:1/ (' : '--endpoint must be',
    )
    expect(ended.stderr).not.toContain('s3cret')
  })
})

describe('an unusable checkpoint file', () => {
  const damaged: Record<string, { text: string; code: number; says: RegExp }> = {
    'a checkpoint file that is not JSON': {
      text: '{"version":1,',
      code: 7,
      says: /--checkpoint \S+: The token is not valid JSON \(13 characters\)\. The file was left unchanged: .*\[token\.invalid\]/,
    },
    'a checkpoint file without a valid token': {
      text: '{"version":1,"streamArn":7}',
      code: 7,
      says: /--checkpoint \S+: The token is invalid at streamArn: .*\[token\.invalid\]/,
    },
    'a checkpoint file for another stream': {
      text: foreign,
      code: 7,
      says: /--checkpoint \S+ is a position in the stream arn:.*, not in arn:.*Use another file, or move this one away to start over \[token\.streamMismatch\]/,
    },
  }
  for (const [name, { text, code, says }] of Object.entries(damaged)) {
    test(`${name} is reported and left unchanged`, async () => {
      const path = file(`${name.replaceAll(' ', '-')}.json`, text)
      const ended = await runHere(['tail', ...served.source, '--checkpoint', path])
      expect(ended.stderr).toMatch(new RegExp(`^dynamodb-stream-iterator: .*${says.source}\n$`))
      expect(ended).toMatchObject({ code, stdout: '' })
      expect(readFileSync(path, 'utf8')).toBe(text)
      expect(readdirSync(folder).filter((entry) => entry.endsWith('.tmp'))).toEqual([])
    })
  }

  test('a checkpoint file is left unchanged when the service cannot be reached', async () => {
    const path = file('unreached.json', foreign)
    const args = [
      'tail',
      '--arn',
      arn,
      '--endpoint',
      'http://127.0.0.1:1',
      '--timeout',
      '1',
      '--checkpoint',
      path,
    ]
    expect((await runHere(args)).code).toBe(6)
    expect(readFileSync(path, 'utf8')).toBe(foreign)
  })
})
