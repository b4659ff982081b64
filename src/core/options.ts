import { StreamError } from './errors.ts'

/** @throws StreamError `options.invalid` unless `arn` is that of a stream. */
export function checkStreamArn(arn: unknown): string {
  if (typeof arn === 'string' && /^arn:[^:]*:dynamodb:[^:]*:[^:]*:table\/[^/]+\/stream\/.+$/.test(arn))
    return arn
  throw invalidOption(
    'streamArn',
    arn,
    'the ARN of a stream, as in arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
  )
}

/** Checks that a value is a whole number in a range. */
export function integer(option: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`
  throw invalidOption(option, value, `a whole number ${range}`)
}

export function invalidOption(
  option: string,
  value: unknown,
  expected: string,
): StreamError<'options.invalid'> {
  const shown = typeof value === 'string' ? JSON.stringify(shortened(value)) : String(value)
  return new StreamError('options.invalid', `Option ${option} is ${shown}, but must be ${expected}.`, {
    option,
    value,
    expected,
  })
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
