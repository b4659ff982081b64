import { closeSync, openSync, readSync } from 'node:fs'

/** An effect of the handler: the number of the worker and of the record. */
export interface Effect {
  readonly run: number
  readonly n: number
}

/** The file to which all workers append their effects, which is read while they do. */
export interface Effects extends Disposable {
  /** The effects so far, in order. */
  all(): readonly Effect[]
}

export function followEffects(path: string): Effects {
  const file = openSync(path, 'a+')
  const effects: Effect[] = []
  const buffer = Buffer.alloc(65_536)
  let offset = 0
  let rest = ''
  return {
    all() {
      for (;;) {
        const length = readSync(file, buffer, 0, buffer.length, offset)
        if (length === 0) return effects
        offset += length
        const lines = (rest + buffer.toString('latin1', 0, length)).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          const [run = 0, n = 0] = line.split(' ').map(Number)
          effects.push({ run, n })
        }
      }
    },
    [Symbol.dispose]: () => closeSync(file),
  }
}
