import { styleText } from 'node:util'
import type { TestProject } from 'vitest/node'
import { type DynamoDBLocal, startDynamoDBLocal } from './dynamodb-local.ts'
import { type LocalVersion, whyNotLocal } from './requirements.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the DynamoDB Local answers that all test files share; undefined when there is none here. */
    localEndpoint: string | undefined
  }
}

let local: DynamoDBLocal | undefined

/** Starts the one DynamoDB Local (current version) that the integration tests share, and tells what cannot run here. */
export async function setup(project: TestProject): Promise<void> {
  const [noCurrent] = (['current', 'rolling'] as const).map(tellIfMissing)
  if (noCurrent === undefined) local = await startDynamoDBLocal({ version: 'current' })
  project.provide('localEndpoint', local?.endpoint)
}

export async function teardown(): Promise<void> {
  await local?.stop()
}

function tellIfMissing(version: LocalVersion): string | undefined {
  const reason = whyNotLocal(version)
  if (reason) {
    const text = `SKIPPED: the tests on DynamoDB Local (${version}) do not run. ${reason}.`
    process.stderr.write(`\n${styleText(['yellow', 'bold'], text)}\n\n`)
  }
  return reason
}
