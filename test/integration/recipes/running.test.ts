import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { startSearchIndex } from '../../../examples/health/search-index.ts'
import { startProgram } from '../../cli/support.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { createTable, putNumber } from '../../support/tables.ts'

const program = fileURLToPath(new URL('../../../examples/health/worker.ts', import.meta.url))
const patience = { timeout: 60_000 }

describeOnLocal('a worker with its checkpoint in DynamoDB', (local) => {
  test('a worker that another one has replaced exits with the code after which it is not restarted', async () => {
    const client = local.tableClient()
    const index = await startSearchIndex()
    try {
      const table = await createTable(client)
      const checkpoints = `checkpoints-${randomUUID()}`
      const start = () =>
        startProgram(program, [], {
          AWS_ENDPOINT_URL: local.endpoint,
          AWS_REGION: 'eu-west-1',
          AWS_ACCESS_KEY_ID: 'local',
          AWS_SECRET_ACCESS_KEY: 'local',
          TABLE: table.tableName,
          INDEX_URL: index.url,
          CHECKPOINT_TABLE: checkpoints,
          HEALTH_PORT: '0',
        })
      const first = start()
      await putNumber(client, table, 'one', 1)
      await vi.waitFor(() => expect(index.requests).toContain('one'), patience)

      const second = start()
      let n = 0
      // The first worker notices when it saves what it has processed since.
      await vi.waitFor(
        async () => {
          await putNumber(client, table, 'two', ++n)
          expect(first.child.exitCode).not.toBeNull()
        },
        { ...patience, interval: 500 },
      )
      expect(await first.ended).toMatchObject({ code: 3 })
      await putNumber(client, table, 'three', 3)
      await vi.waitFor(() => expect(index.requests).toContain('three'), patience)
      second.child.kill('SIGTERM')
      expect(await second.ended).toMatchObject({ code: 0 })
    } finally {
      await index.close()
      client.destroy()
    }
  })
})
