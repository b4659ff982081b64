import { afterAll, describe } from 'vitest'
import { describeOnLocal } from '../../support/shared-local.ts'
import { iteratorBehaviors } from './iterators.ts'
import { lifeCycleBehaviors } from './life-cycle.ts'
import { listingBehaviors } from './listing.ts'
import { pageBehaviors } from './pages.ts'
import { recordBehaviors } from './records.ts'
import { dynamoDBLocal, emulatorInProcess, emulatorOverHttp, type Subject } from './subjects.ts'

// The same tests for DynamoDB Local and for the emulator. Each expectation contains the differences between
// the profiles `aws` and `local`; docs/internals/conformance.md lists them with their sources.

describeOnLocal('DynamoDB Local', (local) => testConformance(dynamoDBLocal(local)))
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
