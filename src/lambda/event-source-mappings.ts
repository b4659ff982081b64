import type { SdkClient } from '../core/sdk-client.ts'
import type { MappingAccess } from './options.ts'

/** What a mapping is found by. */
export interface MappingKey {
  readonly streamArn: string
  /** The ARN with which the function was invoked. */
  readonly functionArn: string | undefined
}

/** How long the lookup of a mapping may take at most, and how long disabling it, in ms. */
const TIME_LIMIT_MS = 5_000

interface Mapping {
  readonly UUID?: string | undefined
  readonly FunctionResponseTypes?: readonly string[] | undefined
}

/**
 * The event source mappings between a stream and the function. They are listed by exactly the ARN that they
 * name: those of an alias are not listed under the ARN of the function.
 */
export class EventSourceMappings {
  readonly #functionArn: string | undefined
  #client: SdkClient | undefined

  constructor({ client, functionArn }: MappingAccess) {
    this.#client = client
    this.#functionArn = functionArn
  }

  /** Returns whether every mapping reports batch item failures; undefined if there is no mapping. */
  async readResponses(key: MappingKey, timeLimitMs: number): Promise<boolean | undefined> {
    const mappings = await this.#list(key, limitedTo(timeLimitMs))
    const reads = ({ FunctionResponseTypes: types }: Mapping) => types?.includes('ReportBatchItemFailures')
    return mappings.length === 0 ? undefined : mappings.every(reads)
  }

  /** Disables the mappings, and returns how many there are. */
  async disable(key: MappingKey, timeLimitMs: number): Promise<number> {
    const signal = limitedTo(timeLimitMs)
    const mappings = await this.#list(key, signal)
    const { UpdateEventSourceMappingCommand } = await loadSdk()
    // All of them end before the function does: Lambda can suspend the process afterwards.
    const results = await Promise.allSettled(
      mappings.map(({ UUID }) =>
        this.#send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }), signal),
      ),
    )
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return mappings.length
  }

  async #list({ streamArn, functionArn }: MappingKey, signal: AbortSignal): Promise<Mapping[]> {
    const { ListEventSourceMappingsCommand } = await loadSdk()
    const input = { EventSourceArn: streamArn, FunctionName: this.#functionArn ?? functionArn }
    const mappings: Mapping[] = []
    let Marker: string | undefined
    do {
      const page = await this.#send(new ListEventSourceMappingsCommand({ ...input, Marker }), signal)
      mappings.push(...(page.EventSourceMappings ?? []))
      Marker = page.NextMarker
    } while (Marker)
    return mappings
  }

  async #send(command: object, abortSignal: AbortSignal): Promise<Page> {
    this.#client ??= new (await loadSdk()).LambdaClient({})
    return (await this.#client.send(command as never, { abortSignal })) as Page
  }
}

interface Page {
  readonly EventSourceMappings?: readonly Mapping[]
  readonly NextMarker?: string
}

/** Lambda's runtimes contain the package. It is loaded only if a mapping is looked up. */
const loadSdk = () => import('@aws-sdk/client-lambda')

/** `AbortSignal.timeout` accepts whole numbers only. */
function limitedTo(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.ceil(Math.min(ms, TIME_LIMIT_MS)))
}
