/** The sizes of records that the benchmarks use: the approximate length of their JSON. */
export type RecordSize = '100B' | '1kB' | '20kB'

/** The ARN of the stream in all benchmarks. */
export const streamArn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/bench/stream/2026-01-01T00:00:00.000'

const startSeconds = Date.UTC(2026, 0, 1) / 1000
const recordsPerSecond = 100

export interface SampleRecord {
  readonly eventID: string
  readonly eventName: string
  readonly dynamodb: {
    /** In seconds. */
    readonly ApproximateCreationDateTime: number
    readonly NewImage: object
  }
}

/**
 * The record at `index` of a shard, as parsed from the JSON of GetRecords. All shards have the same records.
 */
export function sampleRecord(index: number, size: RecordSize = '1kB'): SampleRecord {
  const id = `order#${String(index).padStart(10, '0')}`
  const item = { id: { S: id }, ...itemOf(index, size) }
  const record = {
    eventID: index.toString(16).padStart(32, '0'),
    eventName: index % 3 === 0 ? 'INSERT' : 'MODIFY',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: {
      ApproximateCreationDateTime: startSeconds + Math.floor(index / recordsPerSecond),
      Keys: { id: { S: id } },
      NewImage: item,
      SequenceNumber: sequenceNumber(index),
      SizeBytes: JSON.stringify(item).length,
      StreamViewType: 'NEW_IMAGE',
    },
  }
  return record
}

export function sequenceNumber(index: number): string {
  return `4${String(index).padStart(23, '0')}`
}

function itemOf(index: number, size: RecordSize): object {
  if (size === '100B') return { n: { N: String(index) }, state: { S: 'packed, waiting for the truck' } }
  return {
    customer: {
      M: {
        name: { S: `Customer ${index % 977}` },
        vip: { BOOL: index % 7 === 0 },
        address: {
          M: {
            street: { S: '12 Long Acre' },
            zip: { S: '10115' },
            geo: { L: [{ N: '52.53' }, { N: '13.38' }] },
          },
        },
      },
    },
    lines: { L: Array.from({ length: size === '20kB' ? 268 : 5 }, (_, line) => orderLine(index, line)) },
    total: { N: (index * 1.37).toFixed(2) },
    tags: { SS: ['web', 'gift', `region-${index % 12}`] },
    note: { NULL: true },
    updated: { N: String(1_767_225_600_000 + index) },
  }
}

function orderLine(index: number, line: number): object {
  return {
    M: {
      sku: { S: `sku-${(index * 31 + line) % 9973}` },
      count: { N: String(1 + line) },
      price: { N: '19.95' },
    },
  }
}
