import { StreamError } from '../core/errors.ts'

/** The error of every call of a lease that another worker has replaced. */
export function leaseLost(name: string): StreamError<'checkpoint.conflict'> {
  const message = `Another worker has acquired the parked keys of "${name}", so this worker cannot use them.`
  return new StreamError('checkpoint.conflict', message, { name })
}
