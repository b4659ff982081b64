import { describe, expect, test } from 'vitest'
import { CliError } from '../../../src/cli/cli-error.ts'
import { exitCodes } from '../../../src/cli/exit-codes.ts'
import { failureOf } from '../../../src/cli/failure.ts'
import { noticesOf } from '../../../src/cli/notices.ts'
import { StreamError } from '../../../src/core/errors.ts'

function sdkError(name: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name, ...more })
}

describe('error messages', () => {
  test('an error whose message has several lines is reported in one line', () => {
    const { message } = failureOf(sdkError('AccessDeniedException', 'Not\nallowed.\n\n'), 'region eu-west-1')
    expect(message).toMatch(/^Not allowed \(region eu-west-1\)\. Needed are dynamodb:DescribeStream, .*$/)
  })

  test.each([
    [new CliError('usage', 'wrong', exitCodes.usage), 'usage', exitCodes.usage],
    [
      new StreamError('stream.notEnabled', 'no stream', { tableName: 't' }),
      'stream.notEnabled',
      exitCodes.notFound,
    ],
    [
      new StreamError('checkpoint.failed', 'disk', { name: 'n', operation: 'save' }),
      'checkpoint.failed',
      exitCodes.checkpoint,
    ],
    [
      new StreamError('service.invalidResponse', 'loop', { operation: 'DescribeStream' }),
      'service.invalidResponse',
      exitCodes.failed,
    ],
    [
      sdkError('ExpiredTokenException', 'expired', { $metadata: { httpStatusCode: 400 } }),
      'ExpiredTokenException',
      exitCodes.denied,
    ],
    [
      sdkError('ResourceNotFoundException', 'gone', { $metadata: { httpStatusCode: 400 } }),
      'ResourceNotFoundException',
      exitCodes.notFound,
    ],
    [sdkError('Error', '', { code: 'ECONNREFUSED' }), 'no-answer', exitCodes.noAnswer],
    [sdkError('TypeError', 'x is not a function'), 'unexpected', exitCodes.failed],
    ['just a string', 'unexpected', exitCodes.failed],
  ])('an error is mapped to a code and an exit code: %o', (error, code, exitCode) => {
    expect(failureOf(error)).toMatchObject({ code, exitCode })
  })

  test('an error without a message is reported by its code', () => {
    const { message } = failureOf(
      sdkError('AggregateError', '', { code: 'ECONNREFUSED' }),
      'http://localhost:1',
    )
    expect(message).toBe(
      'No answer from http://localhost:1 (ECONNREFUSED). Check the network, --endpoint and --region',
    )
  })
})

describe('notices', () => {
  const retry = {
    operation: 'GetRecords',
    shardId: 'shardId-1-aa',
    attempt: 2,
    delayMs: 9,
    error: new Error('reset'),
  } as const

  test('retries are reported every few seconds, and not before the first response', () => {
    const lines: string[] = []
    let now = 0
    let hasAnswered = false
    const notices = noticesOf({
      say: (line) => lines.push(line),
      now: () => now,
      hasAnswered: () => hasAnswered,
    })
    notices.retry?.(retry)
    expect(lines).toEqual([])
    hasAnswered = true
    notices.retry?.(retry)
    now = 4_999
    notices.retry?.(retry)
    expect(lines).toEqual(['GetRecords of shard aa failed (reset), trying again; 2 in a row'])
    now = 5_000
    notices.retry?.(retry)
    expect(lines).toHaveLength(2)
  })

  test('a checkpoint that cannot be saved is reported every few seconds, independently of other retries', () => {
    const lines: string[] = []
    let now = 0
    const notices = noticesOf({ say: (line) => lines.push(line), now: () => now, hasAnswered: () => true })
    const failed = { name: '/ro/c.json', delayMs: 9, error: new Error('permission denied (EACCES)') }
    notices.retry?.(retry)
    for (const attempt of [1, 2, 3]) notices.checkpointRetry?.({ ...failed, attempt })
    now = 5_000
    notices.checkpointRetry?.({ ...failed, attempt: 4 })
    expect(lines.slice(1)).toEqual([
      'saving the checkpoint /ro/c.json failed (permission denied (EACCES)), trying again; 1 in a row',
      'saving the checkpoint /ro/c.json failed (permission denied (EACCES)), trying again; 4 in a row',
    ])
  })
})
