import { expect, test } from 'vitest'
import { fightOverCheckpoint } from '../../fights/checkpoint-fight.ts'
import { describeOnLocal } from '../../support/shared-local.ts'

describeOnLocal('a checkpoint that three processes fight over', (local) => {
  test('never goes back, while calls are lost and late, and workers are killed and suspended', async () => {
    const client = local.tableClient()
    try {
      const result = await fightOverCheckpoint({ client, endpoint: local.endpoint, seconds: 10, workers: 3 })
      expect(result.violations).toEqual([])
      expect(result.takeOvers).toBeGreaterThan(2)
      expect(result.saves).toBeGreaterThan(2)
    } finally {
      client.destroy()
    }
  })
})
