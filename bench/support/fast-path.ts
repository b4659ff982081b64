import type { StreamsApi } from '../../src/index.ts'
import { sdkStreamsApi } from '../../src/streams-api/sdk-streams-api.ts'
import { makeClient } from './client.ts'

/**
 * Returns the library's streams API for an endpoint. It exits the process at the first response that was not
 * parsed on the fast path, because the figures would then measure something else.
 */
export function fastApi(endpoint: string): StreamsApi {
  const api = sdkStreamsApi(makeClient(endpoint), fail)
  return {
    ...api,
    readRecords: async (request, signal) => {
      const page = await api.readRecords(request, signal)
      if (!page.lazyRecords) fail('a GetRecords response was parsed eagerly')
      return page
    },
  }
}

function fail(reason: string): never {
  process.stderr.write(`The fast path was not taken: ${reason}\n`)
  process.exit(1)
}
