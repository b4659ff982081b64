import type { EventSourceMappings, MappingKey } from './event-source-mappings.ts'
import type { FailureLog } from './failure-log.ts'

/**
 * Checks once per cold start, for each stream and alias, whether Lambda reads the response of the function. A
 * check that fails is logged, and not repeated.
 */
export class MappingCheck {
  readonly #mappings: EventSourceMappings
  readonly #results = new Map<string, Promise<boolean | undefined>>()

  constructor(mappings: EventSourceMappings) {
    this.#mappings = mappings
  }

  /** Resolves to false if Lambda ignores the response; to undefined if that is not known. Never rejects. */
  readsResponse(key: MappingKey, timeLimitMs: number, log: FailureLog): Promise<boolean | undefined> {
    const id = `${key.streamArn} ${key.functionArn}`
    const result = this.#results.get(id) ?? this.#check(key, timeLimitMs, log)
    this.#results.set(id, result)
    return result
  }

  async #check(key: MappingKey, timeLimitMs: number, log: FailureLog): Promise<boolean | undefined> {
    try {
      const reads = await this.#mappings.readResponses(key, timeLimitMs)
      if (reads === undefined) log.warn('No event source mapping of this function was found.')
      if (reads === false) {
        log.warn(
          'The event source mapping has no ReportBatchItemFailures, so Lambda ignores failed records. Until it ' +
            'has, the function throws if a record fails.',
        )
      }
      return reads
    } catch (error) {
      log.warn('The event source mapping cannot be checked.', error)
      return undefined
    }
  }
}
