import type { StreamsApi } from '../../src/index.ts'
import { sdkStreamsApi } from '../../src/streams-api/sdk-streams-api.ts'
import { makeClient } from './client.ts'

/**
 * The library's own view of an endpoint, which ends this process at the first answer that had to be read in another way than
 * the fast one: the figures would be those of something else.
 */
export function fastApi(endpoint: string): StreamsApi {
  const api = sdkStreamsApi(makeClient(endpoint), fail)
  return {
    ...api,
    readRecords: async (request, signal) => {
      const page = await api.readRecords(request, signal)
      if (!page.lazyRecords) fail('an answer of GetRecords was parsed as a whole')
      return page
    },
  }
}

function fail(reason: string): never {
  process.stderr.write(`The fast path was not taken: ${reason}\n`)
  process.exit(1)
}
