#!/usr/bin/env node
import { runCli } from './cli.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { processTerminal } from './terminal.ts'

// The SDK says at each start that it will not support this version of Node for ever: no news for whoever tails a
// stream. It looks at this when its first client is made, which is later.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

process.exit(await main(process.argv.slice(2)))

async function main([command, ...rest]: readonly string[]): Promise<ExitCode> {
  // What the demo starts beside itself.
  if (command === 'demo-worker')
    return helper(async () => (await import('./demo/worker.ts')).demoWorker(rest))
  if (command === 'demo-guard') return helper(async () => (await import('./demo/guard.ts')).demoGuard(rest))
  return runCli(process.argv.slice(2), processTerminal())
}

/** Its last line on standard error is what the demo shows of it. */
async function helper(work: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await work()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return exitCodes.failed
  }
}
