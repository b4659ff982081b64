import { type DynamoDBStreamsClient, ListStreamsCommand } from '@aws-sdk/client-dynamodb-streams'

/** A page of the streams of a table. */
interface StreamsPage {
  readonly streamArns: readonly string[]
  /** The key of the next page; undefined on the last page. */
  readonly lastEvaluatedStreamArn: string | undefined
}

/**
 * Lists the streams of a table that can still be read, in the service's order.
 *
 * @param call - makes a call for one page: retries it, limits its duration, and rejects when it is aborted.
 */
export async function listStreamArns(
  client: DynamoDBStreamsClient,
  tableName: string,
  call: (send: (abortSignal: AbortSignal) => Promise<StreamsPage>) => Promise<StreamsPage>,
): Promise<string[]> {
  const arns: string[] = []
  let from: string | undefined
  do {
    const page = await call((abortSignal) => listStreamsPage(client, tableName, from, abortSignal))
    for (const arn of page.streamArns) arns.push(arn)
    // Without this check, an emulator that repeats its page key would be called forever.
    from = page.lastEvaluatedStreamArn === from ? undefined : page.lastEvaluatedStreamArn
  } while (from)
  return arns
}

async function listStreamsPage(
  client: DynamoDBStreamsClient,
  tableName: string,
  from: string | undefined,
  abortSignal: AbortSignal,
): Promise<StreamsPage> {
  const command = new ListStreamsCommand({
    TableName: tableName,
    ...(from !== undefined && { ExclusiveStartStreamArn: from }),
  })
  const { Streams, LastEvaluatedStreamArn } = await client.send(command, { abortSignal })
  return {
    streamArns: (Streams ?? []).flatMap(({ StreamArn }) => StreamArn ?? []),
    lastEvaluatedStreamArn: LastEvaluatedStreamArn,
  }
}
