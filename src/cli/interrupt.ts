/** Ctrl-C, and the other ways in which a process is asked to stop. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
}

/**
 * The first signal aborts; the second one ends the process at once, by the signal's default action: `process.exit` would wait
 * for a call of the file system that hangs, such as the read of a pipe.
 *
 * SIGHUP is ignored where no terminal is left to hang up, as under `nohup`; Node resets what `nohup` has set.
 */
export function onInterrupt(): Interrupt {
  const controller = new AbortController()
  const handlers = new Map<NodeJS.Signals, () => void>()
  const dispose = () => {
    for (const [name, handler] of handlers) process.off(name, handler)
  }
  const stopOn = (name: NodeJS.Signals) => () => {
    if (!controller.signal.aborted) return controller.abort()
    dispose()
    process.kill(process.pid, name)
  }
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
  handlers.set('SIGINT', stopOn('SIGINT'))
  handlers.set('SIGTERM', stopOn('SIGTERM'))
  handlers.set('SIGHUP', hasTerminal ? stopOn('SIGHUP') : () => {})
  for (const [name, handler] of handlers) process.on(name, handler)
  return { signal: controller.signal, [Symbol.dispose]: dispose }
}
