#!/usr/bin/env node
import { type ExitCode, exitCodes } from './errors.ts'
import { runCli } from './run.ts'
import { processTerminal } from './terminal.ts'

// The SDK warns on standard error when it will drop support for this version of Node. It checks this variable
// when its first client is created, which happens later.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

process.exit(await main(process.argv.slice(2)))

async function main([command, ...rest]: readonly string[]): Promise<ExitCode> {
  // Internal commands: the child processes of the demo.
  if (command === 'demo-worker') {
    return runChild(async () => (await import('./demo/worker.ts')).demoWorker(rest))
  }
  if (command === 'demo-guard') {
    return runChild(async () => (await import('./demo/local-server.ts')).demoGuard(rest))
  }
  return runCli(process.argv.slice(2), processTerminal())
}

/** The demo shows the last line that a child process writes to standard error. */
async function runChild(work: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await work()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return exitCodes.failed
  }
}
