import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  collect,
  keyOf,
  positionOf,
  recordOf,
  recordsOf,
} from '../../../src/testing/contracts/parking/bench.ts'
import { describeOnLocal } from '../../support/shared-local.ts'
import { incompressible, keyHash, ParkingTestTable } from './parking-table.ts'

/** A key that is finished up to a record. */
function _finishedAt(index: number) {
  return keyOf('key', { state: 'releasing', finished: positionOf(index), records: 0 })
}

describeOnLocal('dynamoDBParkingStore: damaged items', (local) => {
  const table = new ParkingTestTable(local)

  const header = {
    id: { S: 'i' },
    key: { S: '{}' },
    state: { S: 'parked' },
    parkedAt: { N: '1' },
    records: { N: '1' },
    last: { S: 'p' },
    end: { S: 'p' },
  }
  const { id, ...withoutId } = header

  test.each([
    ['its id is missing', withoutId],
    ['its key is a number', { ...header, key: { N: '1' } }],
    ['its state is unknown', { ...header, state: { S: 'lost' } }],
    ['its time is missing', { ...withoutId, id, parkedAt: { S: '1' } }],
    ['its number of records is negative', { ...header, records: { N: '-1' } }],
    ['its number of records is a fraction', { ...header, records: { N: '0.5' } }],
    ['its last position is binary', { ...header, last: { B: Buffer.from('p') } }],
    ['its finished position is a number', { ...header, finished: { N: '1' } }],
    ['its floor is a number', { ...header, floor: { N: '1' } }],
    ['its progress is not JSON', { ...header, progress: { S: '{' } }],
    ['its progress is null', { ...header, progress: { S: 'null' } }],
    ['its progress has no attempts', { ...header, progress: { S: '{"since":1}' } }],
    [
      'its progress has an invalid error',
      { ...header, progress: { S: '{"attempts":1,"since":1,"error":{}}' } },
    ],
    ['its progress has invalid tasks', { ...header, progress: { S: '{"attempts":1,"since":1,"done":[1]}' } }],
  ])('a key is reported as damaged if %s', async (_, attributes) => {
    const run = randomUUID()
    await table.put(`${run}#parking`, `key#${keyHash}`, attributes)
    const damaged = (operation: string) => ({
      code: 'parking.failed',
      details: { name: run, keyHash, operation },
      message: expect.stringMatching(
        / are damaged: .*\. They were left unchanged: restore the items from a backup/,
      ),
    })
    await expect(table.store().acquire(run)).rejects.toMatchObject(damaged('acquire'))
    await expect(collect(table.store().list(run))).rejects.toMatchObject(damaged('read'))
    await expect(table.store().get(run, keyHash)).rejects.toMatchObject(damaged('read'))
    await expect(table.store().release(run, keyHash)).rejects.toMatchObject(damaged('read'))
  })

  const lease = { session: { S: 's' }, version: { N: '1' }, epoch: { N: '1' } }

  test.each([
    ['its session is missing', { ...lease, session: { S: '' } }],
    ['its version is a string', { ...lease, version: { S: '1' } }],
    ['its epoch is negative', { ...lease, epoch: { N: '-1' } }],
    ['the items of the last transaction are not JSON', { ...lease, written: { S: '[' } }],
    ['the items of the last transaction are numbers', { ...lease, written: { S: '[1]' } }],
    ['its incomplete key is a number', { ...lease, incomplete: { N: '1' } }],
  ])('a lease is reported as damaged if %s', async (_, attributes) => {
    const run = randomUUID()
    await table.put(`${run}#parking`, 'lease', attributes)
    await expect(table.store().acquire(run)).rejects.toMatchObject({
      code: 'parking.failed',
      details: { name: run, operation: 'acquire' },
    })
  })

  test('a request with an unknown action is reported as damaged', async () => {
    const run = randomUUID()
    const acquired = await table.store().acquire(run)
    const request = { id: { S: '1' }, keyId: { S: '1' }, action: { S: 'delete' } }
    await table.put(`${run}#parking`, `request#${keyHash}`, request)
    await expect(acquired.requests()).rejects.toMatchObject({ code: 'parking.failed' })
  })

  const digest = { S: 'd'.repeat(22) }

  test.each([
    ['it has no content', { digest }],
    ['it has two contents', { digest, content: { S: 'a' }, data: { B: Buffer.from('a') } }],
    ['its digest is missing', { content: { S: 'a' } }],
    ['its content was changed', { digest, content: { S: 'a' } }],
    ['its content is a number', { digest, content: { N: '1' } }],
    ['its data is a string', { digest, data: { S: 'a' } }],
    ['it has a billion pieces', { digest, pieces: { N: '1000000000' } }],
    ['the record before it is itself', { digest, content: { S: 'a' }, previous: { S: positionOf(1) } }],
  ])('a record is reported as damaged, and none after it is read, if %s', async (_, attributes) => {
    const run = randomUUID()
    const acquired = await table.store().acquire(run)
    await acquired.save([{ key: keyOf('key'), added: recordsOf(0, 3) }])
    const previous = { S: positionOf(0) }
    await table.put(`${run}#parking#${keyHash}`, `record#${positionOf(1)}`, { previous, ...attributes })
    const rejection = { code: 'parking.failed', details: { name: run, keyHash, operation: 'read' } }
    await expect(acquired.read(keyHash, undefined, 10)).rejects.toMatchObject(rejection)
    await expect(collect(table.store().records(run, keyHash))).rejects.toMatchObject(rejection)
    expect(await acquired.read(keyHash, positionOf(1), 10)).toEqual([recordOf(2, '2')])
  })

  test.each([
    ['its first record', `record#${positionOf(0)}`],
    ['a record in the middle', `record#${positionOf(1)}`],
    ['its last record', `record#${positionOf(2)}`],
    ['a piece of a record', 'piece#'],
  ])('a key is reported as damaged if %s was deleted from the table', async (_, prefix) => {
    const run = randomUUID()
    const acquired = await table.store().acquire(run)
    const records = [recordOf(0, '0'), recordOf(1, incompressible(400_000)), recordOf(2, '2')]
    await acquired.save([{ key: keyOf('key'), added: records }])
    const partition = `${run}#parking#${keyHash}`
    const part = (await table.parts(partition)).find((one) => one.startsWith(prefix)) ?? ''
    await table.delete(partition, part)
    await expect(acquired.read(keyHash, undefined, 10)).rejects.toMatchObject({
      code: 'parking.failed',
      message: expect.stringContaining('a record up to'),
    })
  })
})
