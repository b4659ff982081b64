import { afterEach, describe, expect, test, vi } from 'vitest'
import { onInterrupt } from '../../../src/cli/interrupt.ts'

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const streams = [process.stdin, process.stdout, process.stderr]

afterEach(() => vi.restoreAllMocks())

/** Creates an interrupt whose handlers can be called directly: a real signal could end this process. */
function createInterrupt({ hasTerminal }: { hasTerminal: boolean }) {
  const isTTY = streams.map((stream) => Object.getOwnPropertyDescriptor(stream, 'isTTY'))
  for (const stream of streams) {
    Object.defineProperty(stream, 'isTTY', { value: hasTerminal, configurable: true, writable: true })
  }
  const before = new Set<unknown>(names.flatMap((name) => process.listeners(name)))
  const handlers = (name: NodeJS.Signals) => process.listeners(name).filter((one) => !before.has(one))
  const interrupt = onInterrupt()
  streams.forEach((stream, index) => {
    const descriptor = isTTY[index]
    if (descriptor) Object.defineProperty(stream, 'isTTY', descriptor)
    else Reflect.deleteProperty(stream, 'isTTY')
  })
  const receive = (name: NodeJS.Signals) => {
    for (const handler of handlers(name)) handler(name)
  }
  return { interrupt, receive, count: () => names.flatMap(handlers).length }
}

describe('onInterrupt', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'the first %s aborts the signal, and the second one ends the process',
    (name) => {
      const kill = vi.spyOn(process, 'kill').mockReturnValue(true)
      const { interrupt, receive, count } = createInterrupt({ hasTerminal: false })
      receive(name)
      expect(interrupt.signal.aborted).toBe(true)
      expect(kill).not.toHaveBeenCalled()
      receive(name)
      expect(count()).toBe(0)
      expect(kill.mock.calls).toEqual([[process.pid, name]])
    },
  )

  test.each([true, false])(
    'SIGHUP aborts the signal only if there is a terminal (terminal: %s)',
    (hasTerminal) => {
      const { interrupt, receive } = createInterrupt({ hasTerminal })
      receive('SIGHUP')
      expect(interrupt.signal.aborted).toBe(hasTerminal)
      interrupt[Symbol.dispose]()
    },
  )

  test('disposing of the interrupt removes its signal handlers', () => {
    const { interrupt, count } = createInterrupt({ hasTerminal: false })
    expect(count()).toBe(3)
    interrupt[Symbol.dispose]()
    expect(count()).toBe(0)
  })
})
