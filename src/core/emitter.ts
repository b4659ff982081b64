import { invalidOption, unknownName } from './options.ts'

/** Removes a listener. Calling it again does nothing. */
export type Unsubscribe = () => void

/**
 * A typed list of listeners. They are called after the change that they report is complete, in the order of the events. An
 * exception of a listener is rethrown as an uncaught exception of the process; the other listeners are called all the same.
 *
 * @internal
 */
export class Emitter<Events> {
  readonly #names: readonly string[]
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()

  constructor(names: readonly (keyof Events & string)[]) {
    this.#names = names
  }

  /** @throws StreamError `options.invalid` for a name that is not known, and for a listener that is no function. */
  on<Name extends keyof Events & string>(name: Name, listener: (event: Events[Name]) => void): Unsubscribe {
    if (!this.#names.includes(name)) throw unknownName('event', String(name), this.#names, name)
    if (typeof listener !== 'function') throw invalidOption(`listener of ${name}`, listener, 'a function')
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    // Its own function each time, so that a listener that was added twice is taken away once.
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
