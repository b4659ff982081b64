import { lazyBrand } from './lazy-brand.ts'
import type { LazyRecord } from './lazy-records.ts'
import type { WireRecord } from './wire-record.ts'

/** Returns the record if it is parsed lazily, and undefined if it has another form. */
export function asLazyRecord(wire: WireRecord): LazyRecord | undefined {
  return lazyBrand in wire ? (wire as WireRecord as LazyRecord) : undefined
}
