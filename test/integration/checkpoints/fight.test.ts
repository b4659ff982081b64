import { expect, test } from 'vitest'
import { fightOverCheckpoint } from '../../fights/checkpoint-fight.ts'
import { describeOnLocal } from '../../support/shared-local.ts'

describeOnLocal('dynamoDBCheckpointStore under contention', (local) => {
  test('a contested checkpoint never goes back while calls are lost or late and workers are killed or suspended', async () => {
    const client = local.tableClient()
    try {
      const result = await fightOverCheckpoint({ client, endpoint: local.endpoint, seconds: 10, workers: 3 })
      expect(result.violations).toEqual([])
      expect(result.leases).toBeGreaterThan(2)
      expect(result.saves).toBeGreaterThan(2)
    } finally {
      client.destroy()
    }
  })
})
