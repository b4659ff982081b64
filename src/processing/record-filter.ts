import { formatValue } from '../core/options.ts'
import type { StreamRecord } from '../records/stream-record.ts'
import type { HandlingOptions } from './check-handling-options.ts'

/** The options `filters` and `filter`. */
export class RecordFilter {
  readonly #filters: HandlingOptions['filters']
  readonly #predicate: HandlingOptions['filter']
  #error: unknown

  constructor({ filters, filter }: Pick<HandlingOptions, 'filters' | 'filter'>) {
    this.#filters = filters
    this.#predicate = filter
  }

  /** What the predicate has thrown last, or an error about what it returned. */
  get error(): unknown {
    return this.#error
  }

  /**
   * Returns whether the record is filtered out; undefined if the predicate throws: see {@link error}.
   *
   * @param toEvent - returns the record as filter patterns see it. `readsImages` is false if it does not need
   * to have images.
   */
  excludes(
    record: StreamRecord,
    toEvent: (record: StreamRecord, readsImages: boolean) => object,
  ): boolean | undefined {
    const filters = this.#filters
    if (filters?.matches(toEvent(record, filters.readsImages)) === false) return true
    try {
      return this.#predicate !== undefined && !checkDecision(this.#predicate(record))
    } catch (error) {
      this.#error = error
      return undefined
    }
  }
}

/** A promise would count as true in any case, and a forgotten `return` would exclude all records. */
function checkDecision(decision: unknown): boolean {
  if (typeof decision === 'boolean') return decision
  if (decision instanceof Promise) decision.catch(() => {})
  const returned = decision instanceof Promise ? 'a promise' : formatValue(decision)
  throw new TypeError(`The option filter must be a function that returns true or false, not ${returned}.`)
}
