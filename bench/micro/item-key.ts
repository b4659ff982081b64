import { StreamRecord } from '../../src/index.ts'
import { parsePage } from '../../src/wire/parse-page.ts'
import type { WireRecord } from '../../src/wire/wire-record.ts'
import type { Bench } from '../support/report.ts'
import { timeOperations } from '../support/time-operations.ts'

const records = 1000

const forms: Readonly<Record<string, (n: number) => unknown>> = {
  'one string': (n) => ({ id: { S: `order-${n}` } }),
  'string and number': (n) => ({ pk: { S: `customer-${n}` }, sk: { N: String(1_767_225_600_000 + n) } }),
  'string and binary': (n) => ({ pk: { S: `customer-${n}` }, sk: { B: 'AAECAwQFBgcICQ==' } }),
  'one string with an escape': (n) => ({ id: { S: `order "${n}"` } }),
}

/** Making item keys of records of 1 kB that are parsed for nothing else. */
export const itemKey: Bench = async ({ quick }) => {
  const context = { shardId: 'shardId-1' }
  const make = (wire: WireRecord) => new StreamRecord(wire, context, 0).itemKey
  const operations = Object.entries(forms).map(([name, keysOf]) => {
    const lazy = lazyRecordsWith(keysOf)
    return { name, records, run: () => lazy.map(make) }
  })
  const table = await timeOperations('item-key: by the attributes of the primary key', operations, quick)
  return { tables: [table], data: table }
}

function lazyRecordsWith(keysOf: (n: number) => unknown): readonly WireRecord[] {
  const wire = Array.from({ length: records }, (_, n) => ({
    eventID: 'c81e728d9d4c2f636f067f89cc14862c',
    eventName: 'MODIFY',
    dynamodb: {
      ApproximateCreationDateTime: 1_767_225_600,
      Keys: keysOf(n),
      NewImage: { ...(keysOf(n) as object), content: { S: 'x'.repeat(700) } },
      SequenceNumber: String(10n ** 24n + BigInt(n)),
      SizeBytes: 1000,
    },
  }))
  const page = parsePage(Buffer.from(JSON.stringify({ Records: wire })))
  return Array.from({ length: records }, (_, n) => page?.lazyRecords?.at(n) as WireRecord)
}
