import { afterAll, describe } from 'vitest'
import { describeOnLocal } from '../../support/shared-local.ts'
import { iteratorBehaviours } from './iterators.ts'
import { lifeCycleBehaviours } from './life-cycle.ts'
import { listingBehaviours } from './listing.ts'
import { pageBehaviours } from './pages.ts'
import { recordBehaviours } from './records.ts'
import { dynamoDBLocal, emulatorInProcess, emulatorOverHttp, type Subject } from './subjects.ts'

// The same behaviors of all that answer for DynamoDB. Where the profiles `aws` and `local` differ stands beside each
// expectation, and together with the sources in docs/internals/conformance.md.

describeOnLocal('DynamoDB Local', (local) => behaviors(dynamoDBLocal(local)))
describe('the emulator as DynamoDB Local, in process', () => behaviors(emulatorInProcess('local')))
describe('the emulator as DynamoDB Local, over HTTP', () => behaviors(emulatorOverHttp('local')))
describe('the emulator as AWS', () => behaviors(emulatorInProcess('aws')))

function behaviors(subject: Subject): void {
  afterAll(subject.close)
  listingBehaviours(subject)
  iteratorBehaviours(subject)
  pageBehaviours(subject)
  recordBehaviours(subject)
  lifeCycleBehaviours(subject)
}
