import { describe, expect, it, vi } from 'vitest'
import type { DeadLetter } from '../../../src/destinations/destination.ts'
import { checkOnFailure, destinationsOf } from '../../../src/processing/on-failure.ts'

class Queue {
  readonly letters: DeadLetter[] = []
  async send(letter: DeadLetter): Promise<void> {
    this.letters.push(letter)
  }
}

const letter = {} as DeadLetter

function refusal(onFailure: unknown): string {
  try {
    checkOnFailure(onFailure)
  } catch (error) {
    expect(error).toMatchObject({ name: 'StreamError', code: 'options.invalid' })
    return (error as Error).message
  }
  throw new Error('The option was accepted')
}

describe('the option onFailure', () => {
  it('without it the run stops at any record that is given up', () => {
    expect(checkOnFailure(undefined)).toEqual({ exhausted: 'stop', rejected: 'stop', invalid: 'stop' })
  })

  it('one destination receives the records of every kind', () => {
    const queue = new Queue()
    expect(checkOnFailure(queue)).toEqual({ exhausted: queue, rejected: queue, invalid: queue })
  })

  it('a destination that is an instance of a class keeps its object', async () => {
    const queue = new Queue()
    const { exhausted } = checkOnFailure({ exhausted: queue })
    if (typeof exhausted === 'object') await exhausted.send(letter)
    expect(queue.letters).toEqual([letter])
  })

  it('a function is a destination', async () => {
    const send = vi.fn(async () => {})
    const { rejected } = checkOnFailure(send)
    if (typeof rejected === 'object') await rejected.send(letter)
    expect(send).toHaveBeenCalledExactlyOnceWith(letter)
  })

  it('a function is also a destination if it has a method send, which is then not called', async () => {
    const destination = Object.assign(
      vi.fn(async () => {}),
      { send: vi.fn(async () => {}) },
    )
    const { exhausted } = checkOnFailure(destination)
    if (typeof exhausted === 'object') await exhausted.send(letter)
    expect(destination).toHaveBeenCalledOnce()
    expect(destination.send).not.toHaveBeenCalled()
  })

  it('records are discarded only if that is said explicitly', () => {
    const all = { exhausted: 'discard', rejected: 'discard', invalid: 'discard' }
    expect(checkOnFailure('discard')).toEqual(all)
    expect(refusal('ignore')).toContain("or 'discard'")
    for (const value of [null, false, 0, '', []]) expect(refusal(value)).toContain('Option onFailure is')
  })

  it('the run stops at records of a kind that has no member', () => {
    const queue = new Queue()
    const targets = checkOnFailure({ rejected: 'discard', invalid: queue })
    expect(targets).toEqual({ exhausted: 'stop', rejected: 'discard', invalid: queue })
  })

  it.each([
    {},
    { exhausted: undefined },
    new (class {
      publish() {}
    })(),
  ])('an object that names no target is refused, because it looks as if records had one', (onFailure) => {
    expect(refusal(onFailure)).toContain('Option onFailure is an object without a destination, but must be')
  })

  it('a function that returns a destination is not taken for one that has stored the letter', async () => {
    const { exhausted } = checkOnFailure(() => new Queue())
    if (typeof exhausted !== 'object') throw new Error('It is not a destination.')
    await expect(exhausted.send(letter)).rejects.toThrow(
      'The function in onFailure returned a destination. Pass that destination instead.',
    )
  })

  it('an unknown kind is refused, and the closest known name is suggested', () => {
    expect(refusal({ exausted: 'discard' })).toContain('did you mean exhausted?')
    expect(refusal({ aged: 'discard' })).toContain('There is no option onFailure.aged')
    expect(refusal({ sends: () => {} })).toContain('did you mean send?')
  })

  it.each([
    ['onFailure.exhausted', { exhausted: 'stop' }],
    ['onFailure.rejected', { rejected: { exhausted: 'discard' } }],
    ['onFailure.invalid', { invalid: null }],
    ['onFailure', { send: 'https://sqs.eu-central-1.amazonaws.com/1/letters' }],
    ['onFailure', 'https://sqs.eu-central-1.amazonaws.com/1/letters'],
    ['onFailure.check', { send: async () => {}, check: true }],
    ['onFailure.exhausted.close', { exhausted: { send: async () => {}, close: {} } }],
  ])('a wrong destination is refused for %s', (option, onFailure) => {
    expect(refusal(onFailure)).toContain(`Option ${option} is `)
  })

  it('a client of the AWS SDK is refused, although it has a method send', () => {
    const client = { config: {}, middlewareStack: {}, send: async () => {} }
    expect(refusal(client)).toContain('such as sqsDestination({ queueUrl, client })')
    expect(refusal({ exhausted: client })).toContain('Option onFailure.exhausted is a client of the AWS SDK')
  })
})

describe('destinationsOf', () => {
  it('each destination is returned once, also if it serves several kinds', () => {
    const [one, other] = [new Queue(), new Queue()]
    expect(destinationsOf(checkOnFailure(one))).toEqual([one])
    expect(destinationsOf(checkOnFailure(async () => {}))).toHaveLength(1)
    const targets = checkOnFailure({ exhausted: one, rejected: other, invalid: one })
    expect(destinationsOf(targets)).toEqual([one, other])
  })

  it('there is no destination if records are discarded or the run stops', () => {
    expect(destinationsOf(checkOnFailure({ exhausted: 'discard' }))).toEqual([])
  })
})
