import { inFile, type Mutant } from './mutant.ts'

export const streamsApiMutants: readonly Mutant[] = [
  ...inFile('src/streams-api/rate-limit.ts', [
    {
      name: 'DescribeStream is not rate limited',
      from: 'if (oldest === undefined || oldest <= now - WINDOW_MS)',
      to: 'if (true)',
    },
  ]),
  ...inFile('src/streams-api/list-all-shards.ts', [
    {
      name: 'only the first page of a listing is read',
      from: '} while (exclusiveStartShardId !== undefined)',
      to: '} while (false)',
    },
    {
      name: 'a listing with repeated page keys never ends',
      from: 'if (exclusiveStartShardId !== undefined && keys.has(exclusiveStartShardId)) {',
      to: 'if (false) {',
    },
  ]),
  ...inFile('src/streams-api/classify-error.ts', [
    {
      name: 'an error that corrected the clock is not retried',
      from: "if (error.$metadata?.clockSkewCorrected === true) return 'retry'",
      to: '',
    },
    {
      name: 'a successful response that cannot be parsed is not retried',
      from: "if (status < 300) return 'retry'",
      to: '',
    },
    {
      name: 'credentials that cannot be loaded are treated as a network error',
      from: "if (link.name === 'CredentialsProviderError' || link.name === 'TokenProviderError') return false",
      to: '',
    },
  ]),
  ...inFile('src/streams-api/fast-get-records.ts', [
    {
      name: 'the page of a previous attempt is not cleared',
      from: 'reading.page = undefined // from a previous attempt',
      to: '',
      equivalent: 'pageOf compares the output of the page with the response',
    },
    {
      name: 'a response from a middleware is replaced with the one from the service',
      from: 'if (!page?.recordsUntouched || page.output !== response) {',
      to: 'if (!page?.recordsUntouched) {',
    },
    {
      name: 'records that a middleware changed are replaced with those from the service',
      from: 'if (!page?.recordsUntouched || page.output !== response) {',
      to: 'if (!page || page.output !== response) {',
    },
    {
      name: "the logger of the user's client is skipped",
      from: "return logger === undefined || logger?.constructor?.name === 'NoOpLogger'",
      to: 'return true',
    },
  ]),
  ...inFile('src/streams-api/fast-page.ts', [
    {
      name: 'records that a middleware replaced are lost',
      from: 'set Records(value: RawRecord[]) {\n      page.recordsUntouched = false\n',
      to: 'set Records(value: RawRecord[]) {\n',
    },
  ]),
  ...inFile('src/streams-api/retry.ts', [
    {
      name: 'a call that timed out is treated as aborted by the caller',
      from: 'if (timedOut) throw new CallTimeout',
      to: 'if (timedOut && controller.signal.reason === 0) throw new CallTimeout',
    },
    {
      name: 'a call has no time limit',
      from: 'timedOut = true\n    controller.abort()',
      to: 'timedOut = true',
    },
  ]),
  ...inFile('src/streams-api/sdk-streams-api.ts', [
    {
      name: 'the first sequence number of a shard is not returned',
      from: 'startingSequenceNumber: SequenceNumberRange?.StartingSequenceNumber || undefined',
      to: 'startingSequenceNumber: undefined',
    },
  ]),
  ...inFile('src/streams-api/service-time.ts', [
    {
      name: 'an invalid Date header results in a time of NaN',
      from: 'time: Number.isNaN(time) ? undefined : time',
      to: 'time',
    },
  ]),
  ...inFile('src/streams-api/list-streams.ts', [
    {
      name: 'a list of streams with repeated page keys never ends',
      from: 'from = page.lastEvaluatedStreamArn === from ? undefined : page.lastEvaluatedStreamArn',
      to: 'from = page.lastEvaluatedStreamArn',
    },
  ]),
]
