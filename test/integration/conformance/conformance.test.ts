import { afterAll, describe, expect, test } from 'vitest'
import { type DynamoDBLocal, startDynamoDBLocal } from '../../support/dynamodb-local.ts'
import { whyNotLocal } from '../../support/requirements.ts'
import { errorOf, iterator, keysOf, put, read, readAll, trimmed } from './calls.ts'
import { iteratorBehaviors } from './iterators.ts'
import { lifeCycleBehaviors } from './life-cycle.ts'
import { listingBehaviors } from './listing.ts'
import { pageBehaviors } from './pages.ts'
import { recordBehaviors } from './records.ts'
import { dynamoDBLocal, emulatorInProcess, emulatorOverHttp, type Subject } from './subjects.ts'

// The same tests for DynamoDB Local and for the emulator. Each expectation contains the differences between
// the profiles `aws` and `local`; docs/internals/conformance.md lists them with their sources.

// A server of its own: a write to another table between the creation of a table and its first write makes the
// iterators that were opened in between fail with TrimmedDataAccessException.
const local = whyNotLocal('current') ? undefined : await startDynamoDBLocal({ version: 'current' })
afterAll(() => local?.stop())

describe.skipIf(local === undefined)('DynamoDB Local', () => {
  if (local) testConformance(dynamoDBLocal(local))

  // The emulator has one table.
  test('an iterator of an empty shard fails if another table is written before the first write', async () => {
    const subject = dynamoDBLocal(local as DynamoDBLocal)
    const [table, other] = [await subject.createTable(), await subject.createTable()]
    const early = await iterator(table, 'TRIM_HORIZON')
    await put(other, 'x')
    await put(table, 'a')
    expect(await errorOf(read(table, early))).toBe(trimmed)
    expect(keysOf({ Records: await readAll(table) })).toEqual(['a'])
    await subject.close()
  })
})
describe('emulator with the profile local, in process', () => testConformance(emulatorInProcess('local')))
describe('emulator with the profile local, over HTTP', () => testConformance(emulatorOverHttp('local')))
describe('emulator with the profile aws', () => testConformance(emulatorInProcess('aws')))

function testConformance(subject: Subject): void {
  afterAll(subject.close)
  listingBehaviors(subject)
  iteratorBehaviors(subject)
  pageBehaviors(subject)
  recordBehaviors(subject)
  lifeCycleBehaviors(subject)
}
