import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * The files that take longest, in the order in which they are begun: those that mostly wait for a server beside those
 * that keep a core busy. Whatever begins last must not leave the other cores with nothing to do.
 */
const longest = [
  'integration/rolling.test.ts',
  'model/model.test.ts',
  'integration/conformance/time.test.ts',
  'package/package.test.ts',
  'integration/crash/crash.test.ts',
  'integration/conformance/library.test.ts',
  'integration/checkpoints/dynamodb.test.ts',
  'cli/bad-input.test.ts',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = longest.findIndex((name) => moduleId.endsWith(`/test/${name}`))
      return place === -1 ? longest.length : place
    }
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other))
  }
}
