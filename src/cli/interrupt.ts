/**
 * Aborts when the process receives SIGINT (Ctrl-C), SIGTERM or SIGHUP. Disposing of it removes the handlers.
 */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
}

/**
 * The first signal aborts. The second one ends the process immediately, by the default action of the signal:
 * `process.exit` would wait for a file system call that blocks, such as reading from a pipe.
 *
 * SIGHUP is ignored without a terminal, as under `nohup`: Node resets the disposition that `nohup` has set.
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
