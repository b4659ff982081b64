import { hex } from '../emulator/state/random.ts'
import type { EmulatedRecord } from '../emulator/state/record.ts'
import { type FunctionResult, invokeFunction } from './invoke-function.ts'
import { eventJson } from './lambda-event.ts'
import type { CheckedMapping } from './options.ts'
import type { Batch, BatchOutcome } from './plan.ts'
import { type ResponseReport, readResponse } from './read-response.ts'

/**
 * How an invocation has ended:
 *
 * - `running`: it has not ended;
 * - `succeeded`: for Lambda, all its records are done;
 * - `reported`: the response named failed records, and the mapping has `ReportBatchItemFailures`;
 * - `invalidResponse`: the response named something that is not a record of the batch, which fails all of it;
 * - `threw`: the handler threw, rejected, or returned what cannot be written as JSON;
 * - `timedOut`: the handler did not return within `timeoutMs`;
 * - `throttled`: the function was not called; see `throttle()`.
 */
export type InvocationOutcome =
  | 'running'
  | 'succeeded'
  | 'reported'
  | 'invalidResponse'
  | 'threw'
  | 'timedOut'
  | 'throttled'

/** One invocation of the function by a mapping. */
export interface MappingInvocation {
  /** `context.awsRequestId` */
  readonly requestId: string
  readonly shardId: string
  /** The records of the event, in order. */
  readonly records: readonly EmulatedRecord[]
  /** In ms since 1970, on the clock of the mapping. */
  readonly startedAt: number
  readonly outcome: InvocationOutcome
  /** What the handler threw, or the error of the timeout. */
  readonly error?: unknown
  /** The sequence numbers that the response named as failed, in order. */
  readonly reported: readonly string[]
  /**
   * Whether Lambda has ignored `batchItemFailures`, because the mapping lacks `ReportBatchItemFailures`. The
   * records count as done.
   */
  readonly isReportIgnored: boolean
}

type Changes = Partial<Pick<MappingInvocation, 'outcome' | 'error' | 'reported' | 'isReportIgnored'>>

/** Invokes the function, and records its invocations. */
export class Invocations {
  readonly list: MappingInvocation[] = []
  readonly #options: CheckedMapping
  readonly #streamArn: string
  readonly #logStreamName: string
  /** The number of invocations to throttle. */
  #throttles = 0

  constructor(options: CheckedMapping, streamArn: string) {
    const { clock, identity, random } = options
    const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '/')
    this.#options = options
    this.#streamArn = streamArn
    this.#logStreamName = `${day}/[${identity.version}]${hex(random, 32)}`
  }

  throttle(times: number): void {
    this.#throttles += times
  }

  /** Invokes the function with a batch, unless it is throttled. Never rejects. */
  async invoke({ items: records, requestId }: Batch<EmulatedRecord>): Promise<MappingInvocation> {
    const { clock, handler, identity, timeoutMs } = this.#options
    const index = this.list.length
    const { shardId } = records[0] as EmulatedRecord
    const startedAt = clock.now()
    const running = { requestId, shardId, records, startedAt, reported: [], isReportIgnored: false }
    this.list.push({ ...running, outcome: 'running' })
    const end = (changes: Changes): MappingInvocation => {
      const ended: MappingInvocation = { ...running, outcome: 'succeeded', ...changes }
      this.list[index] = ended
      return ended
    }
    if (this.#throttles > 0) {
      this.#throttles--
      return end({ outcome: 'throttled' })
    }
    // Each invocation parses a copy of its own, which the handler may change.
    const event = JSON.parse(eventJson(records, this.#streamArn))
    const logStreamName = this.#logStreamName
    const result = await invokeFunction({
      ...{ handler, identity, event, requestId, logStreamName, timeoutMs, clock },
    })
    return end(this.#judge(result, records))
  }

  #judge(result: FunctionResult, records: readonly EmulatedRecord[]): Changes {
    if (result.kind !== 'returned') return { outcome: result.kind, error: result.error }
    const batch = records.map(({ sequenceNumber }) => sequenceNumber)
    const report = readResponse(result.response, batch)
    const reported = report.kind === 'failures' ? report.sequenceNumbers : []
    if (this.#options.reportsFailures) return { outcome: outcomes[report.kind], reported }
    return { outcome: 'succeeded', reported, isReportIgnored: report.kind !== 'success' }
  }
}

const outcomes: Readonly<Record<ResponseReport['kind'], InvocationOutcome>> = {
  success: 'succeeded',
  failures: 'reported',
  invalid: 'invalidResponse',
}

/** Returns what the next invocation depends on. `invocation` must have ended. */
export function toBatchOutcome({ outcome, records, reported }: MappingInvocation): BatchOutcome {
  if (outcome === 'succeeded') return { kind: 'success' }
  if (outcome === 'throttled') return { kind: 'throttled' }
  const first = records.findIndex(({ sequenceNumber }) => sequenceNumber === reported[0])
  return { kind: 'failure', first: outcome === 'reported' ? first : 0 }
}
