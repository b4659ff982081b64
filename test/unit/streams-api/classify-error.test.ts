import { describe, expect, test } from 'vitest'
import { classifyError } from '../../../src/streams-api/classify-error.ts'

interface ErrorFields {
  name?: string
  status?: number
  code?: string
  cause?: unknown
  skewCorrected?: boolean
}

function errorWith({ name = 'Error', status, code, cause, skewCorrected }: ErrorFields): Error {
  const error = new Error('a message that must be ignored: ExpiredIteratorException AccessDenied', { cause })
  error.name = name
  return Object.assign(error, {
    ...(code !== undefined && { code }),
    ...(status !== undefined && { $metadata: { httpStatusCode: status, clockSkewCorrected: skewCorrected } }),
  })
}

describe('errors that concern the position', () => {
  test.each([
    ['ExpiredIteratorException', 'expired'],
    ['TrimmedDataAccessException', 'trimmed'],
    ['ResourceNotFoundException', 'notFound'],
  ])('%s is classified as %s', (name, kind) => {
    expect(classifyError(errorWith({ name, status: 400 }))).toBe(kind)
  })

  test('ExpiredIteratorException is classified as expired even if the response corrected the clock', () => {
    const error = errorWith({ name: 'ExpiredIteratorException', status: 400, skewCorrected: true })
    expect(classifyError(error)).toBe('expired')
  })
})

describe('retryable errors', () => {
  test.each([
    'LimitExceededException',
    'ThrottlingException',
    'Throttling',
    'ProvisionedThroughputExceededException',
    'RequestLimitExceeded',
    'TooManyRequestsException',
    'SlowDown',
  ])('the throttling error %s is retried', (name) => {
    expect(classifyError(errorWith({ name, status: 400 }))).toBe('retry')
  })

  test.each(['InternalServerError', 'InternalFailure', 'ServiceUnavailable'])(
    'the server error %s is retried, even with status 400',
    (name) => {
      expect(classifyError(errorWith({ name, status: 400 }))).toBe('retry')
    },
  )

  test.each([500, 502, 503, 504, 599, 429, 408])('an unknown error with status %i is retried', (status) => {
    expect(classifyError(errorWith({ name: 'UnknownException', status }))).toBe('retry')
  })

  test.each([
    'ECONNRESET',
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ETIMEDOUT',
    'EPIPE',
    'EHOSTUNREACH',
    'ERR_STREAM_PREMATURE_CLOSE',
    'HPE_INVALID_CONSTANT',
    'UND_ERR_SOCKET',
  ])('a network error with code %s is retried', (code) => {
    expect(classifyError(errorWith({ code }))).toBe('retry')
  })

  test('a network error that is the cause of a generic error is retried', () => {
    const cause = errorWith({ code: 'ECONNRESET' })
    expect(classifyError(new TypeError('fetch failed', { cause }))).toBe('retry')
  })

  test('a TimeoutError of the SDK is retried', () => {
    expect(classifyError(errorWith({ name: 'TimeoutError' }))).toBe('retry')
  })

  test('a response with status 200 that cannot be parsed is retried', () => {
    expect(classifyError(errorWith({ name: 'SyntaxError', status: 200 }))).toBe('retry')
    expect(classifyError(errorWith({ name: 'TypeError', status: 200 }))).toBe('retry')
  })

  test('a response with status 400 and a truncated error name is retried', () => {
    expect(classifyError(errorWith({ name: 'SyntaxError', status: 400 }))).toBe('retry')
    expect(classifyError(errorWith({ name: 'Unknown', status: 400 }))).toBe('retry')
  })

  test('an invalid signature is retried after the SDK corrected its clock', () => {
    const error = errorWith({ name: 'InvalidSignatureException', status: 400, skewCorrected: true })
    expect(classifyError(error)).toBe('retry')
  })

  test('an error with $retryable is retried', () => {
    expect(classifyError(Object.assign(errorWith({}), { $retryable: {} }))).toBe('retry')
  })
})

describe('fatal errors', () => {
  test.each([
    'AccessDeniedException',
    'UnrecognizedClientException',
    'ExpiredTokenException',
    'InvalidSignatureException',
    'MissingAuthenticationTokenException',
    'IncompleteSignature',
    'KMSAccessDeniedException',
    'ValidationException',
    'SerializationException',
    'UnknownOperationException',
    'UnknownException',
  ])('%s is fatal', (name) => {
    expect(classifyError(errorWith({ name, status: 400 }))).toBe('fatal')
  })

  test.each([301, 403, 404, 407])('a response with status %i that is not JSON is fatal', (status) => {
    expect(classifyError(errorWith({ name: 'SyntaxError', status }))).toBe('fatal')
  })

  test('failing to load credentials is fatal, even if the cause is a network error', () => {
    expect(classifyError(errorWith({ name: 'CredentialsProviderError' }))).toBe('fatal')
    const cause = errorWith({ code: 'ECONNREFUSED' })
    expect(classifyError(errorWith({ name: 'CredentialsProviderError', cause }))).toBe('fatal')
  })

  test('a programming error is fatal', () => {
    expect(classifyError(new TypeError('x is not a function'))).toBe('fatal')
  })

  test.each([undefined, null, 'text', 42])('a thrown value that is not an error is fatal: %j', (thrown) => {
    expect(classifyError(thrown)).toBe('fatal')
  })

  test('an error with a circular chain of causes is fatal', () => {
    const error = errorWith({})
    error.cause = error
    expect(classifyError(error)).toBe('fatal')
  })
})

test('an AbortError is classified as aborted', () => {
  expect(classifyError(new DOMException('', 'AbortError'))).toBe('aborted')
})
