import type { EmulatedRecord } from '../emulator/state/record.ts'
import type { HistoryReport } from './check-history.ts'
import { type Delivered, nameOf } from './compare-delivery.ts'

/** How many records of each fault are named. */
const NAMED = 5

/** The faults in words, a line for each record; undefined when there are none. */
export function formatFaults(report: HistoryReport, written: readonly EmulatedRecord[]): string | undefined {
  const known = new Map(written.map((record) => [nameOf(record), record]))
  const faults = [
    ['never processed', report.lost],
    ['processed again after it was done', report.repeated],
    ['processed after a later one of the same item or shard', report.outOfOrder],
    ['processed before all of its parent shard was', report.beforeParent],
    ['processed, though it was never written', report.unknown],
  ] as const
  const lines = faults.flatMap(([what, records]) =>
    records.length === 0 ? [] : linesOf(what, records, known),
  )
  if (lines.length === 0) return undefined
  const { delivered, restarts } = report
  const lives = restarts === 0 ? '' : `, with ${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`
  return [`${delivered} processed, ${report.written} to be processed${lives}:`, ...lines].join('\n')
}

function linesOf(
  what: string,
  records: readonly Delivered[],
  known: ReadonlyMap<string, EmulatedRecord>,
): string[] {
  const named = records.slice(0, NAMED).map((one) => `    ${describe(one, known.get(nameOf(one)))}`)
  const more = records.length - named.length
  return [`  ${records.length} ${what}`, ...named, ...(more > 0 ? [`    … and ${more} more`] : [])]
}

function describe({ shardId, sequenceNumber }: Delivered, record: EmulatedRecord | undefined): string {
  const change = record ? `${record.eventName} of ${JSON.stringify(record.key)}: ` : ''
  return `${change}${sequenceNumber} in ${shardId}`
}
