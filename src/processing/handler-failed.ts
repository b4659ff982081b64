import { StreamError } from '../core/errors.ts'
import { identifyError } from './error-identity.ts'
import { failureKindOf, type GiveUp } from './failure-policy.ts'
import type { CheckedFailureTargets } from './on-failure.ts'
import type { QueuedRecord } from './queued-record.ts'

/**
 * The error of a run that stops because of a record for which `onFailure` has no target. Its message contains
 * nothing that can be a value of the item; `cause` may do so.
 */
export function handlerFailed(
  record: QueuedRecord,
  { condition, error }: GiveUp,
  onFailure: CheckedFailureTargets,
): StreamError<'handler.failed'> {
  const { sequenceNumber } = record.delivery
  const { attempts, shardId } = record
  const hasTargets = Object.values(onFailure).some((target) => target !== 'stop')
  const option = hasTargets ? `onFailure.${failureKindOf(condition)}` : 'onFailure'
  return new StreamError(
    'handler.failed',
    `Record ${sequenceNumber} of shard ${shardId} was given up (${condition}) after ${attempts} ` +
      `${attempts === 1 ? 'attempt' : 'attempts'}. ${lastError(error)}The run stops because the option ` +
      `${option} is not set. The next run attempts the record again.`,
    { shardId, sequenceNumber, attempts },
    error,
  )
}

function lastError(error: unknown): string {
  const identity = identifyError(error)
  if (identity === undefined) return ''
  const { name, code } = identity
  return `The last error was ${code === undefined ? name : `${name} (${code})`}. `
}
