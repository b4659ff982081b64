import { describe, inject } from 'vitest'
import { type DynamoDBLocal, localClients } from './dynamodb-local.ts'

/** The DynamoDB Local (current version) that integration tests share. Use unique names for tables. */
export type SharedLocal = Pick<DynamoDBLocal, 'endpoint' | 'tableClient' | 'streamsClient'>

/** Defines tests that use the shared DynamoDB Local. They are skipped where it cannot run. */
export function describeOnLocal(title: string, define: (local: SharedLocal) => void): void {
  const endpoint = inject('localEndpoint')
  const local = { endpoint: endpoint ?? '', ...localClients({ endpoint: endpoint ?? '', speed: 1 }) }
  describe.skipIf(endpoint === undefined)(title, () => define(local))
}
