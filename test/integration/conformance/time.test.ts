import { afterAll, beforeAll, describe } from 'vitest'
import type { LocalVersion } from '../../support/requirements.ts'
import { whyNotLocal } from '../../support/requirements.ts'
import { agingBehaviours } from './aging.ts'
import { type JumpingLocal, startJumpingLocal } from './jumping-local.ts'
import { rollingBehaviours } from './rolling.ts'
import { type TimedSubject, timedEmulator, timedLocal } from './timed-subjects.ts'

// What takes hours: on DynamoDB Locals whose clocks are set forward. The current version never replaces a shard; the
// older one does so every four hours, whether it had records or not.

describe('records and iterators grow old', () => {
  onLocal('current', agingBehaviours)
  on('the emulator as DynamoDB Local', timedEmulator('local'), agingBehaviours)
  on('the emulator as AWS', timedEmulator('aws'), agingBehaviours)
})

describe('shards roll', () => {
  onLocal('rolling', rollingBehaviours)
  const ignoring = timedEmulator('local', { behavior: { childShards: 'ignored' } })
  on('the emulator as that DynamoDB Local', ignoring, rollingBehaviours)
  on('the emulator as AWS', timedEmulator('aws'), rollingBehaviours)
})

function on(title: string, subject: TimedSubject, behaviors: (subject: TimedSubject) => void): void {
  describe(title, () => {
    afterAll(subject.close)
    behaviors(subject)
  })
}

function onLocal(version: LocalVersion, behaviors: (subject: TimedSubject) => void): void {
  describe.skipIf(whyNotLocal('rolling'))(`DynamoDB Local (${version})`, () => {
    let jumping: JumpingLocal
    beforeAll(async () => {
      jumping = await startJumpingLocal(version)
    })
    afterAll(async () => {
      await subject.close()
      await jumping[Symbol.asyncDispose]()
    })
    const subject = timedLocal(() => jumping)
    behaviors(subject)
  })
}
