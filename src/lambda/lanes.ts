import type { InvokedRecord } from './invoked-record.ts'

/** The records of one lane, in order. */
export interface Lane {
  readonly records: readonly InvokedRecord[]
}

/** Groups records by lane; the lanes are in the order of their first records. */
export function lanesOf(records: readonly InvokedRecord[]): Lane[] {
  const lanes = new Map<string, InvokedRecord[]>()
  for (const record of records) {
    const lane = lanes.get(record.laneKey)
    if (lane === undefined) lanes.set(record.laneKey, [record])
    else lane.push(record)
  }
  return [...lanes.values()].map((lane) => ({ records: lane }))
}
