#!/usr/bin/env node
import { debuglog } from 'node:util'
import { parseArguments, type Request } from './arguments.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { commandHelp, generalHelp, version } from './help.ts'
import { processTerminal, type Terminal } from './terminal.ts'

// The SDK says at each start that it will not support this version of Node for ever: no news for whoever tails a
// stream. It looks at this when it is loaded, which happens below, once a command needs it.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

process.exit(await main(process.argv.slice(2)))

async function main(args: readonly string[]): Promise<ExitCode> {
  // What the demo starts beside itself. The worker wants its standard output untouched.
  if (args[0] === 'demo-worker') return (await import('./demo/worker.ts')).demoWorker(args.slice(1))
  if (args[0] === 'demo-guard') return (await import('./demo/guard.ts')).demoGuard(args.slice(1))
  const terminal = processTerminal()
  try {
    return await run(parseArguments(args), terminal)
  } catch (error) {
    return await tell(error, terminal)
  }
}

async function run(request: Request, terminal: Terminal): Promise<ExitCode> {
  switch (request.command) {
    case 'help':
      terminal.stdout.write(request.of === undefined ? generalHelp() : commandHelp(request.of))
      return exitCodes.ok
    case 'version':
      terminal.stdout.write(`${version()}\n`)
      return exitCodes.ok
    case 'demo':
      return (await import('./demo/demo.ts')).demo(request.options, terminal)
    default:
      return (await import('./run-command.ts')).runCommand(request, terminal)
  }
}

async function tell(error: unknown, terminal: Terminal): Promise<ExitCode> {
  const { failureOf } = await import('./failure.ts')
  const { code, message, exitCode } = failureOf(error)
  terminal.say(`${message} [${code}]`)
  // NODE_DEBUG=dynamodb-stream shows where it came from.
  debuglog('dynamodb-stream')('%o', error)
  return exitCode
}
