import { describe, inject } from 'vitest'
import { type DynamoDBLocal, localClients } from './dynamodb-local.ts'

/** The DynamoDB Local (current version) that all integration tests share: use names of your own for tables. */
export type SharedLocal = Pick<DynamoDBLocal, 'endpoint' | 'tableClient' | 'streamsClient'>

/** Describes tests on the shared DynamoDB Local; they are skipped, with a notice, where it cannot run. */
export function describeOnLocal(title: string, define: (local: SharedLocal) => void): void {
  const endpoint = inject('localEndpoint')
  const local = { endpoint: endpoint ?? '', ...localClients({ endpoint: endpoint ?? '', speed: 1 }) }
  describe.skipIf(endpoint === undefined)(title, () => define(local))
}
