import { describeError } from '../core/describe-error.ts'
import { endSentence } from '../core/end-sentence.ts'
import { isStreamError, StreamError } from '../core/errors.ts'
import type { ParkingLease, ParkingStore } from '../parking/parking-store.ts'

/**
 * Acquires a parking store.
 *
 * @throws StreamError `parking.failed`, or the error of the store if it is one of this library.
 */
export async function acquireParking(
  store: ParkingStore,
  name: string,
  epoch: number | undefined,
  signal: AbortSignal,
): Promise<ParkingLease> {
  try {
    return await store.acquire(name, { epoch, signal })
  } catch (error) {
    if (isStreamError(error)) throw error
    const { name: kind, message } = describeError(error)
    const reason = endSentence(message === '' ? kind : message)
    const details = { name, operation: 'acquire' } as const
    throw new StreamError(
      'parking.failed',
      `Cannot open the parking store of "${name}": ${reason}`,
      details,
      error,
    )
  }
}

export function tooManyParked(name: string, keyHash: string, max: number): StreamError<'parking.failed'> {
  const message =
    `The key ${keyHash} of "${name}" has ${max} parked records, the maximum (parking.maxParkedPerKey). ` +
    'Request a release of the key, or a drop, and start the worker again.'
  return new StreamError('parking.failed', message, { name, keyHash, operation: 'park' })
}

export function missingRecords(name: string, keyHash: string): StreamError<'parking.failed'> {
  const message =
    `Parked records of the key ${keyHash} of "${name}" are missing in the parking store. ` +
    'Request a drop of the key to continue without them.'
  return new StreamError('parking.failed', message, { name, keyHash, operation: 'read' })
}

export function damagedRecord(name: string, keyHash: string, cause: unknown): StreamError<'parking.failed'> {
  const reason = endSentence(cause instanceof Error ? cause.message : String(cause))
  const message = `A parked record of the key ${keyHash} of "${name}" is damaged: ${reason}`
  return new StreamError('parking.failed', message, { name, keyHash, operation: 'read' }, cause)
}
