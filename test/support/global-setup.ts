import { styleText } from 'node:util'
import type { TestProject } from 'vitest/node'
import { type DynamoDBLocal, startDynamoDBLocal } from './dynamodb-local.ts'
import { whyNotNats } from './nats-server.ts'
import { type LocalVersion, whyNotLocal } from './requirements.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The endpoint of the DynamoDB Local that all test files share. Undefined if it cannot run here. */
    localEndpoint: string | undefined
  }
}

let local: DynamoDBLocal | undefined

/** Starts the DynamoDB Local that integration tests share, and warns about servers that cannot run here. */
export async function setup(project: TestProject): Promise<void> {
  const [missingCurrent] = (['current', 'rolling'] as const).map((version: LocalVersion) =>
    warnIfMissing(`DynamoDB Local (${version})`, whyNotLocal(version)),
  )
  warnIfMissing('NATS JetStream', whyNotNats())
  if (missingCurrent === undefined) local = await startDynamoDBLocal({ version: 'current' })
  project.provide('localEndpoint', local?.endpoint)
}

export async function teardown(): Promise<void> {
  await local?.stop()
}

function warnIfMissing(what: string, reason: string | undefined): string | undefined {
  if (reason) {
    const text = `SKIPPED: tests with ${what}. ${reason}.`
    process.stderr.write(`\n${styleText(['yellow', 'bold'], text)}\n\n`)
  }
  return reason
}
