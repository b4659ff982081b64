import { afterAll, beforeAll, describe } from 'vitest'
import type { LocalVersion } from '../../support/requirements.ts'
import { whyNotLocal } from '../../support/requirements.ts'
import { agingBehaviors } from './aging.ts'
import { type JumpingLocal, startJumpingLocal } from './jumping-local.ts'
import { rollingBehaviors } from './rolling.ts'
import { type TimedSubject, timedEmulator, timedLocal } from './timed-subjects.ts'

// Behavior that takes hours, tested with DynamoDB Locals whose clocks are set forward. The current version
// never replaces a shard; the older one replaces every shard after four hours, with or without records.

describe('expiry of records and iterators', () => {
  onLocal('current', agingBehaviors)
  on('emulator with the profile local', timedEmulator('local'), agingBehaviors)
  on('emulator with the profile aws', timedEmulator('aws'), agingBehaviors)
})

describe('rolling of shards', () => {
  onLocal('rolling', rollingBehaviors)
  const ignoringChildShards = timedEmulator('local', { behavior: { childShards: 'ignored' } })
  on('emulator with the profile local that ignores CHILD_SHARDS', ignoringChildShards, rollingBehaviors)
  on('emulator with the profile aws', timedEmulator('aws'), rollingBehaviors)
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
