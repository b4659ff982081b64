import type { EmulatedRecord } from '../emulator/state/record.ts'
import type { HistoryReport } from './check-history.ts'
import { type Delivered, nameOf } from './compare-delivery.ts'

/** How many records of each kind of fault are listed. */
const MAX_LISTED = 5

/** Formats the faults of a consumer, one line per record. Returns `undefined` if there are no faults. */
export function formatFaults(report: HistoryReport, written: readonly EmulatedRecord[]): string | undefined {
  const byName = new Map(written.map((record) => [nameOf(record), record]))
  const faults = [
    ['never processed', report.lost],
    ['processed again unexpectedly', report.repeated],
    ['processed after a later record of the same item or shard', report.outOfOrder],
    ['processed before the end of the parent shard', report.beforeParent],
    ['processed but never written', report.unknown],
  ] as const
  const lines = faults.flatMap(([what, records]) =>
    records.length === 0 ? [] : linesOf(what, records, byName),
  )
  if (lines.length === 0) return undefined
  const { delivered, restarts } = report
  const suffix = restarts === 0 ? '' : `, ${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`
  return [`${delivered} processed, ${report.written} expected${suffix}:`, ...lines].join('\n')
}

function linesOf(
  what: string,
  records: readonly Delivered[],
  byName: ReadonlyMap<string, EmulatedRecord>,
): string[] {
  const listed = records.slice(0, MAX_LISTED).map((one) => `    ${describe(one, byName.get(nameOf(one)))}`)
  const more = records.length - listed.length
  return [`  ${records.length} ${what}`, ...listed, ...(more > 0 ? [`    … and ${more} more`] : [])]
}

function describe({ shardId, sequenceNumber }: Delivered, record: EmulatedRecord | undefined): string {
  const change = record ? `${record.eventName} of ${JSON.stringify(record.key)}: ` : ''
  return `${change}${sequenceNumber} in ${shardId}`
}
