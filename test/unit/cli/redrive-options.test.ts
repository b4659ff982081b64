import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../../src/cli/arguments.ts'
import { exitCodes } from '../../../src/cli/errors.ts'
import { describeLocation, type RedriveOptions } from '../../../src/cli/redrive-options.ts'

const queue = 'https://sqs.eu-west-1.amazonaws.com/123456789012/failed'

function optionsOf(...args: readonly string[]): RedriveOptions {
  const request = parseArguments(['redrive', ...args])
  if (request.command !== 'redrive') throw new Error(`parsed as ${request.command}`)
  return request.options
}

describe('the options of redrive', () => {
  test('every option except the source and the handler has a default', () => {
    expect(optionsOf('--from', queue, '--handler', 'index.js')).toEqual({
      from: { kind: 'queue', url: queue },
      handler: 'index.js',
      dryRun: false,
      json: false,
      concurrency: 16,
      limit: Number.POSITIVE_INFINITY,
      maxAttempts: undefined,
      name: undefined,
      emptyAfterMs: 5_000,
      handled: 'mark',
      endpoint: undefined,
      region: undefined,
    })
  })

  test('all options can be set', () => {
    const line = `--from s3://b/p --handler h.js --concurrency 2 --limit 3 --max-attempts 4 --name n --wait 1
      --delete --endpoint http://localhost:1 --region eu-west-1`
    expect(optionsOf(...line.split(/\s+/))).toEqual({
      from: { kind: 'bucket', bucket: 'b', prefix: 'p' },
      handler: 'h.js',
      dryRun: false,
      json: false,
      concurrency: 2,
      limit: 3,
      maxAttempts: 4,
      name: 'n',
      emptyAfterMs: 1_000,
      handled: 'delete',
      endpoint: 'http://localhost:1',
      region: 'eu-west-1',
    })
  })

  test('a dry run needs no handler', () => {
    expect(optionsOf('--from', queue, '--dry-run', '--json')).toMatchObject({
      dryRun: true,
      json: true,
      handler: undefined,
    })
  })

  test.each([
    ['s3://failed-orders', { kind: 'bucket', bucket: 'failed-orders', prefix: '' }, 's3://failed-orders/'],
    ['s3://failed/', { kind: 'bucket', bucket: 'failed', prefix: '' }, 's3://failed/'],
    [
      'S3://failed/a b/%20/',
      { kind: 'bucket', bucket: 'failed', prefix: 'a b/%20/' },
      's3://failed/a b/%20/',
    ],
    [
      'http://localhost:9324/queue/failed',
      { kind: 'queue', url: 'http://localhost:9324/queue/failed' },
      undefined,
    ],
    ['letters.jsonl', { kind: 'file', path: resolve('letters.jsonl') }, resolve('letters.jsonl')],
    ['./s3/letters', { kind: 'file', path: resolve('s3/letters') }, resolve('s3/letters')],
    ['file:///tmp/a%20b', { kind: 'file', path: '/tmp/a b' }, '/tmp/a b'],
  ])('--from %s is a %j', (from, location, described = from) => {
    const options = optionsOf('--from', from, '--dry-run')
    expect(options.from).toEqual(location)
    expect(describeLocation(options.from)).toBe(described)
  })

  test.each([
    [
      '--handler h.js',
      /^Missing source: use --from with the URL of a queue, s3:\/\/BUCKET\/PREFIX, or the path/,
    ],
    ['--from letters.jsonl', /^Missing handler: use --handler MODULE, or --dry-run to list the letters$/],
    ['--from letters.jsonl --handler h.js --json', /^Use --json only with --dry-run$/],
    ['--from letters.jsonl --handler h.js --keep --delete', /^Use either --delete or --keep, not both$/],
    [
      `--from ${queue} --handler h.js --keep`,
      /^--keep cannot be used with a queue: a message that was handled is/,
    ],
    [
      '--from s3:// --handler h.js',
      /^--from is "s3:\/\/", but must be s3:\/\/BUCKET or s3:\/\/BUCKET\/PREFIX$/,
    ],
    ['--from s3:bucket --handler h.js', /^--from is "s3:bucket", but must be s3:/],
    [
      '--from https://sqs.eu-west-1.amazonaws.com --handler h.js',
      /^--from is .*, but must be the URL of a queue/,
    ],
    ['--from arn:aws:sqs:eu-west-1:123456789012:failed --handler h.js', /^--from is "arn:.*, not an ARN$/],
    ['--from file://host/x --handler h.js', /^--from is "file:\/\/host\/x", which is not the URL of a file$/],
    [
      '--from s3://b/redriven/x --handler h.js',
      /^The objects below redriven\/ have been handled by a redrive\. Use/,
    ],
    ['--from a --handler h.js --limit 0', /^--limit is "0", but must be/],
    ['--from a --handler h.js --concurrency 0', /^--concurrency is "0", but must be/],
    ['--from a --handler h.js --max-attempts 0', /^--max-attempts is "0", but must be/],
    ['--from a --handler h.js --wait 0', /^--wait is "0", but must be/],
    ['--from a --handler h.js --endpoint localhost', /^--endpoint must be a URL/],
    ['--from a --handler h.js --table orders', /^Unknown option --table/],
    ['--from a --handlr h.js', /^Unknown option --handlr; did you mean --handler\?$/],
  ])('%s is refused', (line, message) => {
    expect(() => optionsOf(...line.split(' '))).toThrow(
      expect.objectContaining({
        code: 'usage',
        exitCode: exitCodes.usage,
        message: expect.stringMatching(message),
      }),
    )
  })

  test('objects that were handled can be listed, deleted, or handled again and kept', () => {
    const from = ['--from', 's3://b/redriven/x']
    expect(optionsOf(...from, '--dry-run').handled).toBe('mark')
    expect(optionsOf(...from, '--handler', 'h.js', '--delete').handled).toBe('delete')
    expect(optionsOf(...from, '--handler', 'h.js', '--keep').handled).toBe('keep')
  })
})
