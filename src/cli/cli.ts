import { debuglog } from 'node:util'
import { parseArguments, type Request } from './arguments.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { commandHelp, generalHelp, version } from './help.ts'
import { writeText } from './standard-output.ts'
import type { Terminal } from './terminal.ts'

/** Does what the command line asks for; failures are told in one line. Returns what the process ends with. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    return await run(parseArguments(args), terminal)
  } catch (error) {
    const { failureOf } = await import('./failure.ts')
    const { code, message, exitCode } = failureOf(error)
    terminal.say(`${message} [${code}]`)
    // NODE_DEBUG=dynamodb-stream-iterator shows where it came from.
    debuglog('dynamodb-stream-iterator')('%o', error)
    return exitCode
  }
}

/** Loads what a command needs, so that the help is there at once. */
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
    default:
      return (await import('./run-command.ts')).runCommand(request, terminal)
  }
}
