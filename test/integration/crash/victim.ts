import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type Evidence, parseEvidence, type WorkerOrder } from './evidence.ts'

/** A worker process, and what it has told so far. */
export interface Victim {
  /** Resolves when it has told so many things, or is dead. */
  told(things: number): Promise<void>
  kill(): void
  /** Resolves to what it has told when it is dead. Rejects if it did not end well by itself, nor by `kill`. */
  readonly death: Promise<readonly Evidence[]>
}

export function startWorker(program: string, order: WorkerOrder, onTold: () => void): Victim {
  // A worker that is killed before it begins has told nothing.
  writeFileSync(order.evidence, '')
  const child = spawn(process.execPath, [program, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let things = 0
  let complaint = ''
  let wake = () => {}
  child.stdout.setEncoding('latin1').on('data', (dots: string) => {
    things += dots.length
    onTold()
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint += chunk
  })
  const closed = once(child, 'close').finally(() => wake())
  const death = closed.then(async () => {
    if (child.signalCode !== 'SIGKILL' && child.exitCode !== 0) {
      throw new Error(`The worker ended with ${child.signalCode ?? child.exitCode}:\n${complaint}`)
    }
    return parseEvidence(await readFile(order.evidence, 'utf8'))
  })
  death.catch(() => {})
  return {
    async told(wanted) {
      const enough = new Promise<void>((resolve) => {
        wake = () => {
          if (things >= wanted) resolve()
        }
        wake()
      })
      await Promise.race([enough, closed])
    },
    kill: () => child.kill('SIGKILL'),
    death,
  }
}
