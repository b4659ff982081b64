import { describe, expect, it } from 'vitest'
import { checkDestinations } from '../../../src/processing/check-destinations.ts'
import { checkOnFailure } from '../../../src/processing/on-failure.ts'

const send = async (): Promise<void> => {}
const never = (): Promise<void> => new Promise(() => {})

describe('checkDestinations', () => {
  it('rejects if a check does not end in time, and calls no further one', async () => {
    let calls = 0
    const targets = checkOnFailure({
      exhausted: { send, check: never },
      invalid: { send, check: async () => void calls++ },
    })
    await expect(checkDestinations(targets, new AbortController().signal, 10)).rejects.toMatchObject({
      code: 'destination.failed',
      message: 'Cannot use the destination of onFailure.exhausted: check() has not ended within 0.01 s.',
      details: { destination: 'onFailure.exhausted', operation: 'check' },
    })
    expect(calls).toBe(0)
  })

  it('stops waiting, without an error, when the run stops', async () => {
    const stopped = new AbortController()
    const checked = checkDestinations(checkOnFailure({ send, check: never }), stopped.signal)
    stopped.abort()
    await checked
    await checkDestinations(checkOnFailure({ send, check: never }), stopped.signal)
  })

  it('calls the check of a destination once, although it is used for several reasons', async () => {
    let calls = 0
    const destination = { send, check: async () => void calls++ }
    const targets = checkOnFailure({ exhausted: destination, rejected: destination, invalid: 'discard' })
    await checkDestinations(targets, new AbortController().signal)
    expect(calls).toBe(1)
  })
})
