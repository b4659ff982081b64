import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * The slowest test files, in the order in which they are started. Files that mostly wait for a server
 * alternate with files that keep a core busy. A slow file that starts last would leave the other cores idle.
 */
const longest = [
  'integration/processing/kills.test.ts',
  'model/model.test.ts',
  'integration/parking/kills.test.ts',
  'model/parking/every-moment.test.ts',
  'integration/rolling.test.ts',
  'model/processing/model.test.ts',
  'integration/parking/dynamodb-contract.test.ts',
  'package/package.test.ts',
  'integration/standby/kills.test.ts',
  'unit/parking/contract.test.ts',
  'integration/parking/dynamodb-histories.test.ts',
  'integration/conformance/time.test.ts',
  'integration/crash/crash.test.ts',
  'model/stream/model.test.ts',
  'integration/conformance/library.test.ts',
  'cli/bad-input.test.ts',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((name) => moduleId.endsWith(`/test/${name}`))
      return index === -1 ? longest.length : index
    }
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other))
  }
}
