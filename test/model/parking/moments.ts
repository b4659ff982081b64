/**
 * The moments of a history: before a call of a store is made, when it has taken effect, after its response
 * has arrived, and when a handler starts and ends. At each of them, something can be done to a worker.
 */
export interface Moments {
  /** The names of those that were reached. */
  readonly names: readonly string[]
  /** Something can be done now. It is done before this returns. */
  reach(name: string): void
  /** Calls `act` at the n-th moment from now. Replaces what was set before. */
  at(nth: number, act: () => void): void
}

export function createMoments(trace: (line: () => string) => void): Moments {
  const names: string[] = []
  let pending: { readonly index: number; readonly act: () => void } | undefined
  return {
    names,
    reach: (name) => {
      names.push(name)
      if (pending?.index !== names.length) return
      const { act } = pending
      pending = undefined
      trace(() => `    moment ${names.length}: ${name}`)
      act()
    },
    at: (nth, act) => {
      pending = { index: names.length + nth, act }
    },
  }
}
