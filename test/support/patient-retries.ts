import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'

type RetryStrategy = Exclude<NonNullable<DynamoDBClientConfig['retryStrategy']>, (...args: never) => unknown>
type RetryStrategyV2 = Extract<RetryStrategy, { acquireInitialRetryToken: unknown }>

/**
 * Retries faults of the network and the server, at once and `max` times. On a fast clock the SDK's own strategy does
 * not do: the server's idle time-out of 30 s is over in 20 ms, so that a busy machine sees more connections reset than
 * its budget allows, and it takes any refusal for one that comes of wrong clocks, and retries it.
 */
export function patientRetries(max: number): RetryStrategyV2 {
  const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 10 })
  return {
    acquireInitialRetryToken: async () => token(0),
    refreshRetryTokenForRetry: async (last, { error }) => {
      if (isRefusal(error) || last.getRetryCount() >= max) throw error
      return token(last.getRetryCount() + 1)
    },
    recordSuccess: () => {},
  }
}

function isRefusal(error: unknown): boolean {
  return typeof error === 'object' && error !== null && '$fault' in error && error.$fault === 'client'
}
