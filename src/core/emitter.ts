import { StreamError } from './errors.ts'
import { formatValue, unknownName } from './options.ts'

/** Removes a listener. Calling it again does nothing. */
export type Unsubscribe = () => void

/**
 * A typed event emitter. Listeners run in a microtask, in the order of the events, after the change that an
 * event reports is complete. If a listener throws, its error becomes an uncaught exception of the process,
 * and the other listeners are still called.
 *
 * @internal
 */
export class Emitter<Events> {
  readonly #names: readonly string[]
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()

  constructor(names: readonly (keyof Events & string)[]) {
    this.#names = names
  }

  /** @throws StreamError `options.invalid` if the event is unknown or the listener is not a function. */
  on<Name extends keyof Events & string>(name: Name, listener: (event: Events[Name]) => void): Unsubscribe {
    if (!this.#names.includes(name)) throw unknownName('event', String(name), this.#names, name)
    if (typeof listener !== 'function') throw notAListener(name, listener)
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    // A new function for each call, so that a listener that was added twice can be removed once.
    const call = (event: Events[Name]) => listener(event)
    listeners.add(call)
    return () => listeners.delete(call)
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name) as Set<(event: Events[Name]) => void> | undefined
    if (!listeners?.size) return
    queueMicrotask(() => {
      for (const listener of [...listeners]) {
        try {
          listener(event)
        } catch (error) {
          queueMicrotask(() => {
            throw error
          })
        }
      }
    })
  }
}

function notAListener(event: string, value: unknown): StreamError<'options.invalid'> {
  const message = `The listener of the event ${event} must be a function, but is ${formatValue(value)}.`
  return new StreamError('options.invalid', message, {
    option: `listener of ${event}`,
    value,
    expected: 'a function',
  })
}
