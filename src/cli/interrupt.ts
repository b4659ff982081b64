import { exitCodes } from './exit-codes.ts'

/** Ctrl-C, and the other ways in which a process is asked to stop. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The first one aborts the signal; the second one ends the process at once. */
export function onInterrupt(): Interrupt {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted)
    controller.abort()
  }
  for (const name of signals) process.on(name, stop)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of signals) process.off(name, stop)
    },
  }
}
