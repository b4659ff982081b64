import { describe, expect, test } from 'vitest'
import { CliError, describeFailure, exitCodes } from '../../../src/cli/errors.ts'
import { StreamError } from '../../../src/core/errors.ts'

function sdkError(name: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name, ...more })
}

describe('describeFailure', () => {
  test('an error whose message has several lines is reported in one line', () => {
    const { message } = describeFailure(
      sdkError('AccessDeniedException', 'Not\nallowed.\n\n'),
      'region eu-west-1',
    )
    expect(message).toMatch(
      /^Not allowed \(region eu-west-1\)\. Required permissions: dynamodb:DescribeStream, .*$/,
    )
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
    [sdkError('Error', '', { code: 'ECONNREFUSED' }), 'service.unreachable', exitCodes.unreachable],
    [sdkError('TypeError', 'x is not a function'), 'unexpected', exitCodes.failed],
    ['just a string', 'unexpected', exitCodes.failed],
  ])('an error is mapped to a code and an exit code: %o', (error, code, exitCode) => {
    expect(describeFailure(error)).toMatchObject({ code, exitCode })
  })

  test('a table that does not exist is reported with the region in the same sentence', () => {
    const error = new StreamError('stream.notFound', 'not found', { tableName: 'ordres' })
    expect(describeFailure(error, 'region us-east-1').message).toBe(
      'There is no table "ordres" in region us-east-1 of this account. ' +
        'Check the name, the region and the credentials',
    )
  })

  test.each([
    ['a page', sdkError('SyntaxError', 'Unexpected token', { $response: {} })],
    ['no error', sdkError('Unknown', 'UnknownError', { $response: {} })],
  ])('a response of another server, with %s, is reported as one, with the endpoint', (_, error) => {
    expect(describeFailure(error, 'http://localhost:1')).toEqual({
      code: 'unexpected',
      message: 'The response of http://localhost:1 is not one of DynamoDB. Check --endpoint',
      exitCode: exitCodes.failed,
    })
  })

  test('an error without a message is reported by its code', () => {
    const { message } = describeFailure(
      sdkError('AggregateError', '', { code: 'ECONNREFUSED' }),
      'http://localhost:1',
    )
    expect(message).toBe(
      'No response from http://localhost:1 (ECONNREFUSED). Check the network, --endpoint and --region',
    )
  })
})
