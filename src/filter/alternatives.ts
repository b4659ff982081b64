import type { Field, Pattern } from './parse-pattern.ts'
import { invalidPattern } from './pattern-error.ts'

/**
 * The maximum number of combinations that the `$or`s of a pattern can have.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export const MAX_COMBINATIONS = 1000

/**
 * Returns the combinations of the `$or`s of a pattern: lists of fields, of which one list must match in full.
 * EventBridge expands patterns in the same way.
 *
 * @throws StreamError `options.invalid` if there are too many, or if a combination has a field twice.
 */
export function expandAlternatives(pattern: Pattern, path: string): Field[][] {
  if (countCombinations(pattern) > MAX_COMBINATIONS) {
    throw invalidPattern(
      path,
      pattern,
      `a pattern with at most ${MAX_COMBINATIONS} combinations of $or`,
      `The filter ${path} has over ${MAX_COMBINATIONS} combinations of $or. Use a filter function instead.`,
    )
  }
  const combinations = expand(pattern)
  for (const fields of combinations) checkRepeated(fields)
  return combinations
}

function countCombinations({ alternatives }: Pattern): number {
  return alternatives
    .map((patterns) => patterns.reduce((sum, pattern) => sum + countCombinations(pattern), 0))
    .reduce((product, count) => product * count, 1)
}

function expand({ fields, alternatives }: Pattern): Field[][] {
  let combinations: Field[][] = [[...fields]]
  for (const patterns of alternatives) {
    const choices = patterns.flatMap(expand)
    combinations = combinations.flatMap((one) => choices.map((other) => [...one, ...other]))
  }
  return combinations
}

/** Lambda would use only one of the fields, so a part of the pattern would be ignored silently. */
function checkRepeated(fields: readonly Field[]): void {
  const options = new Map<string, string>()
  for (const { segments, option } of fields) {
    const name = segments.join('.')
    const earlier = options.get(name)
    if (earlier !== undefined) {
      throw invalidPattern(
        option,
        undefined,
        'a field that occurs once',
        `The field ${option} is the same as ${earlier}. Lambda would use only one of them: merge them.`,
      )
    }
    options.set(name, option)
  }
}
