import { type ExitCode, exitCodes } from './exit-codes.ts'

/** What the user is told in one line: what is wrong, where, and what to do. `code` is for scripts that read it. */
export class CliError extends Error {
  override readonly name: string = 'CliError'
  readonly code: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, exitCode: ExitCode, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.exitCode = exitCode
  }
}

export function usageError(message: string): CliError {
  return new CliError('usage', message, exitCodes.usage)
}
