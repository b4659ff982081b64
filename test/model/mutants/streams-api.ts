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
      name: 'shards on later pages of a listing are not seen',
      from: '} while (exclusiveStartShardId !== undefined)',
      to: '} while (false)',
    },
    {
      name: 'a listing whose page keys repeat has no end',
      from: 'if (exclusiveStartShardId !== undefined && keys.has(exclusiveStartShardId)) {',
      to: 'if (false) {',
    },
  ]),
  ...inFile('src/streams-api/classify-error.ts', [
    {
      name: 'a corrected clock is not a reason to retry',
      from: "if (error.$metadata?.clockSkewCorrected === true) return 'retry'",
      to: '',
    },
    {
      name: 'a successful response that cannot be read is not retried',
      from: "if (status < 300) return 'retry'",
      to: '',
    },
    {
      name: 'credentials that cannot be fetched are a network error',
      from: "if (link.name === 'CredentialsProviderError' || link.name === 'TokenProviderError') return false",
      to: '',
    },
  ]),
  ...inFile('src/streams-api/fast-get-records.ts', [
    {
      name: 'the page of a former attempt is not cleared',
      from: 'reading.page = undefined // of an attempt before',
      to: '',
      equivalent: 'pageOf compares the output of the page with the response that it is given',
    },
    {
      name: 'a response that a middleware made is replaced by that of the service',
      from: 'if (!page?.recordsUntouched || page.output !== answer) {',
      to: 'if (!page?.recordsUntouched) {',
    },
    {
      name: 'records that a middleware changed are replaced by those of the service',
      from: 'if (!page?.recordsUntouched || page.output !== answer) {',
      to: 'if (!page || page.output !== answer) {',
    },
    {
      name: "the logger of the user's client is skipped",
      from: "return logger === undefined || logger?.constructor?.name === 'NoOpLogger'",
      to: 'return true',
    },
  ]),
  ...inFile('src/streams-api/fast-page.ts', [
    {
      name: 'records that a middleware put in are lost',
      from: 'set Records(value: RawRecord[]) {\n      page.recordsUntouched = false\n',
      to: 'set Records(value: RawRecord[]) {\n',
    },
  ]),
  ...inFile('src/streams-api/retry.ts', [
    {
      name: 'a call that timed out counts as aborted by the caller',
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
      name: 'the first sequence number of a shard is not passed on',
      from: 'startingSequenceNumber: SequenceNumberRange?.StartingSequenceNumber || undefined',
      to: 'startingSequenceNumber: undefined',
    },
  ]),
  ...inFile('src/streams-api/service-time.ts', [
    {
      name: 'a date header that is not a date gives a time that is not a number',
      from: 'time: Number.isNaN(time) ? undefined : time',
      to: 'time',
    },
  ]),
  ...inFile('src/streams-api/list-streams.ts', [
    {
      name: 'a list of streams whose page keys repeat has no end',
      from: 'from = page.lastEvaluatedStreamArn === from ? undefined : page.lastEvaluatedStreamArn',
      to: 'from = page.lastEvaluatedStreamArn',
    },
  ]),
]
