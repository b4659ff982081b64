import { describe, expect, test } from 'vitest'
import { classifyError } from '../../../src/streams-api/classify-error.ts'

interface Parts {
  name?: string
  status?: number
  code?: string
  cause?: unknown
  skewCorrected?: boolean
}

function failure({ name = 'Error', status, code, cause, skewCorrected }: Parts): Error {
  const error = new Error('words that mean nothing: ExpiredIteratorException AccessDenied', { cause })
  error.name = name
  return Object.assign(error, {
    ...(code !== undefined && { code }),
    ...(status !== undefined && { $metadata: { httpStatusCode: status, clockSkewCorrected: skewCorrected } }),
  })
}

describe('the errors of the service that say where we stand', () => {
  test.each([
    ['ExpiredIteratorException', 'expired'],
    ['TrimmedDataAccessException', 'trimmed'],
    ['ResourceNotFoundException', 'notFound'],
  ])('%s means %s', (name, kind) => {
    expect(classifyError(failure({ name, status: 400 }))).toBe(kind)
  })

  test('they keep their meaning when the answer also corrected the clock', () => {
    const error = failure({ name: 'ExpiredIteratorException', status: 400, skewCorrected: true })
    expect(classifyError(error)).toBe('expired')
  })
})

describe('what is retried', () => {
  test.each([
    'LimitExceededException',
    'ThrottlingException',
    'Throttling',
    'ProvisionedThroughputExceededException',
    'RequestLimitExceeded',
    'TooManyRequestsException',
    'SlowDown',
  ])('throttling by the name of %s', (name) => {
    expect(classifyError(failure({ name, status: 400 }))).toBe('retry')
  })

  test.each(['InternalServerError', 'InternalFailure', 'ServiceUnavailable'])(
    'a fault of the service named %s, even when it comes with status 400',
    (name) => {
      expect(classifyError(failure({ name, status: 400 }))).toBe('retry')
    },
  )

  test.each([500, 502, 503, 504, 599, 429, 408])('status %i under any name', (status) => {
    expect(classifyError(failure({ name: 'NeverHeardOf', status }))).toBe('retry')
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
  ])('a network fault with code %s', (code) => {
    expect(classifyError(failure({ code }))).toBe('retry')
  })

  test('a network fault that is told as the cause of a nameless error', () => {
    const cause = failure({ code: 'ECONNRESET' })
    expect(classifyError(new TypeError('fetch failed', { cause }))).toBe('retry')
  })

  test('a time-out, which the SDK names so', () => {
    expect(classifyError(failure({ name: 'TimeoutError' }))).toBe('retry')
  })

  test('an answer of status 200 that could not be read', () => {
    expect(classifyError(failure({ name: 'SyntaxError', status: 200 }))).toBe('retry')
    expect(classifyError(failure({ name: 'TypeError', status: 200 }))).toBe('retry')
  })

  test('an answer of status 400 whose error name was cut off', () => {
    expect(classifyError(failure({ name: 'SyntaxError', status: 400 }))).toBe('retry')
    expect(classifyError(failure({ name: 'Unknown', status: 400 }))).toBe('retry')
  })

  test('a signature made with a wrong clock that the SDK has just corrected', () => {
    const error = failure({ name: 'InvalidSignatureException', status: 400, skewCorrected: true })
    expect(classifyError(error)).toBe('retry')
  })

  test('whatever is marked as retryable', () => {
    expect(classifyError(Object.assign(failure({}), { $retryable: {} }))).toBe('retry')
  })
})

describe('what goes to the user at once', () => {
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
    'NeverHeardOf',
  ])('%s', (name) => {
    expect(classifyError(failure({ name, status: 400 }))).toBe('fatal')
  })

  test.each([301, 403, 404, 407])('a page of status %i that is not JSON: no service is there', (status) => {
    expect(classifyError(failure({ name: 'SyntaxError', status }))).toBe('fatal')
  })

  test('credentials that cannot be had, also when the network is to blame', () => {
    expect(classifyError(failure({ name: 'CredentialsProviderError' }))).toBe('fatal')
    const cause = failure({ code: 'ECONNREFUSED' })
    expect(classifyError(failure({ name: 'CredentialsProviderError', cause }))).toBe('fatal')
  })

  test('a mistake in the program', () => {
    expect(classifyError(new TypeError('x is not a function'))).toBe('fatal')
  })

  test.each([undefined, null, 'text', 42])('something that is no error at all: %j', (thrown) => {
    expect(classifyError(thrown)).toBe('fatal')
  })

  test('an error whose causes go round in a circle', () => {
    const error = failure({})
    error.cause = error
    expect(classifyError(error)).toBe('fatal')
  })
})

test('giving up ourselves is neither a failure nor a reason to try again', () => {
  expect(classifyError(new DOMException('', 'AbortError'))).toBe('aborted')
})
