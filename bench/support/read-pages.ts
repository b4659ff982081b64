/** Where {@link readPages} reads. */
export interface PageSource {
  readonly endpoint: string
  readonly streamArn: string
}

/**
 * Reads all shards concurrently with `fetch`, without the SDK, and parses the responses with `JSON.parse`.
 * The next page of a shard is fetched when `onPage` has returned.
 */
export async function readPages<Record>(
  { endpoint, streamArn }: PageSource,
  onPage: (records: readonly Record[]) => Promise<void> | void,
): Promise<void> {
  const call = async (target: string, input: object) => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': `DynamoDBStreams_20120810.${target}` },
      body: JSON.stringify(input),
    })
    return JSON.parse(await response.text())
  }
  const { StreamDescription } = await call('DescribeStream', { StreamArn: streamArn })
  const readShard = async (ShardId: string) => {
    let { ShardIterator } = await call('GetShardIterator', { ShardId })
    while (ShardIterator) {
      const page = await call('GetRecords', { ShardIterator })
      await onPage(page.Records)
      ShardIterator = page.NextShardIterator
    }
  }
  await Promise.all(StreamDescription.Shards.map(({ ShardId }: { ShardId: string }) => readShard(ShardId)))
}
