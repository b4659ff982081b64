import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { dynamoDBParkingStore } from '../../../src/parking/dynamodb.ts'
import type { ParkedKey } from '../../../src/parking/parking-store.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { runHere } from '../../cli/support.ts'
import { describeOnLocal } from '../../support/shared-local.ts'

describeOnLocal('the command parked on DynamoDB Local', ({ endpoint, tableClient }) => {
  /** That of the test client: DynamoDB Local has separate tables for each region. */
  const region = ['--region', 'eu-west-1']
  const key = '{"id":{"S":"42"}}'
  const parked: ParkedKey = {
    keyHash: hashItemKey(key),
    key,
    state: 'parked',
    parkedAt: Date.UTC(2026, 0, 2),
    records: 1,
    last: '1',
  }
  const record = {
    eventName: 'INSERT',
    dynamodb: { Keys: { id: { S: '42' } }, SequenceNumber: '421000000000000000000' },
    eventSourceARN: 'arn:aws:dynamodb:ddblocal:000000000000:table/orders/stream/2026-01-01T00:00:00.000',
  }
  const content = JSON.stringify({ shardId: 'shardId-1', record })

  test('keys that were parked in a table are listed, shown, released and dropped beside the worker', async () => {
    const tableName = `t-${randomUUID()}`
    const lease = await dynamoDBParkingStore({ client: tableClient(), tableName }).acquire('orders')
    await lease.save([{ key: parked, added: [{ position: '1', content }] }])
    const source = ['--name', 'orders', '--parking-table', tableName, '--endpoint', endpoint, ...region]
    const run = (...args: string[]) => runHere(['parked', ...args, ...source])

    const listed = await run('list')
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    expect(listed.stdout).toContain(`${parked.keyHash}  {"id":"42"}  parked`)
    const shown = await run('show', '{"id":"42"}', '--json')
    expect(shown).toMatchObject({ code: 0, records: [{ keys: { id: '42' }, eventName: 'INSERT' }] })
    expect(await run('release', parked.keyHash)).toMatchObject({ code: 0 })
    expect(await lease.requests()).toMatchObject([{ keyHash: parked.keyHash, action: 'release' }])
    expect(await run('drop', parked.keyHash, '--yes')).toMatchObject({ code: 0 })
    expect(await lease.requests()).toMatchObject([{ keyHash: parked.keyHash, action: 'drop' }])
    await lease.remove(parked.keyHash)
    expect(await run('release', parked.keyHash)).toMatchObject({ code: 3, stdout: '' })
  })

  test('a parking table that does not exist is reported with exit code 3, and is not created', async () => {
    const tableName = `t-${randomUUID()}`
    const args = ['--name', 'orders', '--parking-table', tableName, '--endpoint', endpoint, ...region]
    for (const action of [['list'], ['show', parked.keyHash], ['release', '--all']]) {
      const { code, stdout, stderr } = await runHere(['parked', ...action, ...args])
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toBe(
        `dynamodb-stream-iterator: There is no table "${tableName}" at ${endpoint}. ` +
          'Check the name, the region and the credentials [parking.notFound]\n',
      )
    }
  })
})
