import { spawn } from 'node:child_process'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/**
 * Runs a command, and ends it when whoever started this process goes away, even by SIGKILL: the starter holds the
 * other end of our standard input, which the kernel closes with it.
 */
export function demoGuard([command = '', ...args]: readonly string[]): Promise<ExitCode> {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const end = () => child.kill('SIGKILL')
  process.stdin.resume().on('close', end).on('error', end)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 0 ? exitCodes.ok : exitCodes.failed))
  })
}
