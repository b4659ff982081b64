import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'

type RetryStrategy = Exclude<NonNullable<DynamoDBClientConfig['retryStrategy']>, (...args: never) => unknown>
type RetryStrategyV2 = Extract<RetryStrategy, { acquireInitialRetryToken: unknown }>

/**
 * Retries network and server errors up to `max` times, 10 ms apart. The SDK's own strategy fails on a fast
 * clock. The server's idle timeout of 30 s expires after 20 ms, so a busy machine sees more connection resets
 * than the retry budget of the SDK allows. The SDK also retries every rejected request, because it attributes
 * the error to clock skew.
 */
export function patientRetries(max: number): RetryStrategyV2 {
  const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 10 })
  return {
    acquireInitialRetryToken: async () => token(0),
    refreshRetryTokenForRetry: async (last, { error }) => {
      if (isClientError(error) || last.getRetryCount() >= max) throw error
      return token(last.getRetryCount() + 1)
    },
    recordSuccess: () => {},
  }
}

function isClientError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && '$fault' in error && error.$fault === 'client'
}
