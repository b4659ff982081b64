import type { Request } from './arguments.ts'
import { CliError } from './cli-error.ts'
import { lag } from './commands/lag.ts'
import { shards } from './commands/shards.ts'
import { tail } from './commands/tail.ts'
import { type Connection, connect } from './connect.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { failureOf } from './failure.ts'
import { onInterrupt } from './interrupt.ts'
import type { Terminal } from './terminal.ts'

type ServiceRequest = Extract<Request, { command: 'tail' | 'shards' | 'lag' }>

/** Runs a command that talks to the service. Stopped by the user before it is done, it has done what was asked. */
export async function runCommand(request: ServiceRequest, terminal: Terminal): Promise<ExitCode> {
  using interrupt = onInterrupt()
  await using connection = await connect(request.options)
  try {
    await perform(request, connection, terminal, interrupt.signal)
  } catch (error) {
    if (interrupt.signal.aborted && error === interrupt.signal.reason) return exitCodes.ok
    const { code, message, exitCode } = failureOf(error, connection.place)
    throw new CliError(code, message, exitCode, error)
  }
  return exitCodes.ok
}

async function perform(
  request: ServiceRequest,
  connection: Connection,
  terminal: Terminal,
  interrupt: AbortSignal,
): Promise<void> {
  switch (request.command) {
    case 'tail':
      return tail(request.options, connection, terminal, interrupt)
    case 'shards':
      return shards(request.options, connection, terminal, interrupt)
    case 'lag':
      return lag(request.options, connection, terminal, interrupt)
  }
}
