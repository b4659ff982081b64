import { isStreamError } from '../core/errors.ts'
import { expandAlternatives } from './alternatives.ts'
import { listPatterns } from './filter-input.ts'
import { parsePattern } from './parse-pattern.ts'
import { unreadable } from './pattern-error.ts'
import { compileSearches } from './search.ts'

/** Filter patterns that were checked and compiled. */
export interface CompiledFilter {
  /**
   * Returns whether a record matches at least one of the patterns.
   *
   * @param event - the record as Lambda delivers it, with the names and the attribute types of JSON. Only own
   * properties of images and keys are read. Members that no pattern mentions are not read, and images are
   * read last.
   */
  matches(event: object): boolean
  /** Whether a pattern mentions an image. If not, the event does not need to have any. */
  readonly readsImages: boolean
}

/**
 * Compiles Lambda event filter patterns. A record matches if it matches one of them. As in Lambda, an empty
 * array of patterns means that there is no filter, so every record matches.
 *
 * @param filters - a pattern, its JSON, an array of patterns, or `{ Filters: [{ Pattern }] }`.
 * @param path - the name of the option, such as `filters`.
 * @throws StreamError `options.invalid` if Lambda would refuse a pattern or ignore a part of it. The path in
 * `details.option` leads to that part, such as `filters[0].dynamodb.NewImage.status.S[1].numeric`.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
 */
export function compileFilters(filters: unknown, path: string): CompiledFilter {
  try {
    return compile(filters, path)
  } catch (error) {
    throw isStreamError(error) ? error : unreadable(path, error)
  }
}

function compile(filters: unknown, path: string): CompiledFilter {
  const combinations = listPatterns(filters, path).flatMap(({ pattern, path: patternPath }) =>
    expandAlternatives(parsePattern(pattern, patternPath), patternPath),
  )
  const searches = compileSearches(combinations)
  return {
    matches: (event) => searches.length === 0 || searches.some((matches) => matches(event)),
    readsImages: combinations.some((fields) => fields.some(({ readsImage }) => readsImage)),
  }
}
