import { debuglog } from 'node:util'
import { parseArguments, type Request } from './arguments.ts'
import type { CommandContext } from './commands/context.ts'
import { CliError, describeFailure, type ExitCode, exitCodes } from './errors.ts'
import { commandHelp, generalHelp, version } from './help.ts'
import { onInterrupt } from './interrupt.ts'
import { createNotices } from './notices.ts'
import { writeText } from './standard-output.ts'
import type { Terminal } from './terminal.ts'

/** Runs the command line. Failures are reported in one line on standard error. Returns the exit code. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    return await run(parseArguments(args), terminal)
  } catch (error) {
    const { code, message, exitCode } = describeFailure(error)
    terminal.log(`${message} [${code}]`)
    // Printed with its stack if NODE_DEBUG=dynamodb-stream-iterator.
    debuglog('dynamodb-stream-iterator')('%o', error)
    return exitCode
  }
}

/** Imports only the modules that the request needs, so that `--help` does not wait for the SDK to load. */
async function run(request: Request, terminal: Terminal): Promise<ExitCode> {
  switch (request.command) {
    case 'help':
      await writeText(terminal.stdout, request.of === undefined ? generalHelp() : commandHelp(request.of))
      return exitCodes.ok
    case 'version':
      await writeText(terminal.stdout, `${version()}\n`)
      return exitCodes.ok
    case 'demo':
      return (await import('./demo/demo.ts')).demo(request.options, terminal)
    case 'redrive':
      return (await import('./commands/redrive.ts')).redrive(request.options, terminal)
    case 'parked':
      return (await import('./commands/parked.ts')).parked(request.options, terminal)
    default:
      return runStreamCommand(request, terminal)
  }
}

/** A request for a command that calls the service. */
type StreamRequest = Extract<Request, { command: 'tail' | 'shards' | 'lag' }>

/**
 * Runs a command that calls the service. An interrupt is the normal end of `tail`; the other commands have
 * not printed their result by then.
 */
async function runStreamCommand(request: StreamRequest, terminal: Terminal): Promise<ExitCode> {
  const [command, { connect }] = await Promise.all([loadCommand(request), loadConnection()])
  using interrupt = onInterrupt()
  await using connection = await connect(request.options)
  const notices = createNotices({
    log: terminal.log,
    now: () => performance.now(),
    firstResponse: connection.firstResponse,
  })
  try {
    await command({ connection, terminal, notices, interrupt: interrupt.signal })
  } catch (error) {
    const reason = unwrapAbort(error)
    if (interrupt.signal.aborted && reason === interrupt.signal.reason) {
      return request.command === 'tail' ? exitCodes.ok : exitCodes.interrupted
    }
    const { code, message, exitCode } = describeFailure(reason, connection.place)
    throw new CliError(code, message, exitCode, error)
  }
  return exitCodes.ok
}

async function loadCommand(request: StreamRequest): Promise<(context: CommandContext) => Promise<void>> {
  switch (request.command) {
    case 'tail': {
      const { tail } = await import('./commands/tail.ts')
      return (context) => tail(request.options, context)
    }
    case 'shards': {
      const { shards } = await import('./commands/shards.ts')
      return (context) => shards(request.options, context)
    }
    case 'lag': {
      const { lag } = await import('./commands/lag.ts')
      return (context) => lag(request.options, context)
    }
  }
}

/**
 * A separate function, because TypeScript 6 does not rewrite the extension of an `import()` next to `using`.
 */
function loadConnection(): Promise<typeof import('./connection.ts')> {
  return import('./connection.ts')
}

/** Returns the reason of an abort, which `abortable` wraps in an `AbortError`; any other error unchanged. */
function unwrapAbort(error: unknown): unknown {
  return error instanceof Error && error.name === 'AbortError' ? (error.cause ?? error) : error
}
