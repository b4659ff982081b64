import {
  type Clock,
  type DynamoDBStream,
  type ProcessingRun,
  type StreamLag,
  systemClock,
} from 'dynamodb-stream-iterator'

export interface LagLimits {
  /** The alarm `behind`: the oldest unprocessed record is older than this, in ms … */
  readonly maxBehindMs: number
  /** … and has been for this long, in ms, so that a burst of writes raises no alarm. */
  readonly forMs: number
  /** The alarm `retention`: the oldest unprocessed record will be trimmed in less than this, in ms. */
  readonly minHeadroomMs: number
}

export interface LagAlarm extends Omit<StreamLag, 'shards'> {
  readonly alarm: 'behind' | 'retention'
  readonly state: 'raised' | 'cleared'
  /** Whether the oldest unprocessed record was read and waits for the handler, or is still in the stream. */
  readonly waitsFor: 'handler' | 'reader'
  /** The shard that is furthest behind. */
  readonly shardId: string | undefined
}

export interface LagWatch {
  readonly stream: Pick<DynamoDBStream, 'lag'>
  readonly run: ProcessingRun
  readonly limits: LagLimits
  readonly notify: (alarm: LagAlarm) => void
  readonly everyMs?: number
  readonly clock?: Clock
}

/** DynamoDB truncates the times of records to the second, and its clock may differ from ours (ms). */
const TOLERANCE_MS = 5_000

/** Calls `notify` when an alarm is raised or cleared, until the run ends. */
export function watchLag({
  stream,
  run,
  limits,
  notify,
  everyMs = 10_000,
  clock = systemClock,
}: LagWatch): void {
  const raised = new Set<LagAlarm['alarm']>()
  let behindSince: number | undefined
  let cancelTimer = () => {}

  const check = () => {
    const { shards, ...lag } = stream.lag()
    const now = clock.monotonic()
    behindSince = lag.millisBehindLatest > limits.maxBehindMs ? (behindSince ?? now) : undefined
    const exceeded = {
      behind: behindSince !== undefined && now - behindSince >= limits.forMs,
      retention: lag.retentionHeadroomMs < limits.minHeadroomMs,
    }
    const shardId = shards.find(
      ({ millisBehindLatest }) => millisBehindLatest === lag.millisBehindLatest,
    )?.shardId
    for (const alarm of ['behind', 'retention'] as const) {
      if (exceeded[alarm] === raised.has(alarm)) continue
      if (exceeded[alarm]) raised.add(alarm)
      else raised.delete(alarm)
      notify({
        alarm,
        state: exceeded[alarm] ? 'raised' : 'cleared',
        ...lag,
        waitsFor: waitsFor(lag),
        shardId,
      })
    }
    cancelTimer = clock.setTimer(everyMs, check, true)
  }

  const waitsFor = ({ millisBehindLatest }: Omit<StreamLag, 'shards'>) => {
    const { oldestUnsettledAt } = run.health()
    const ageMs = oldestUnsettledAt === undefined ? 0 : clock.now() - oldestUnsettledAt.getTime()
    return ageMs + TOLERANCE_MS >= millisBehindLatest ? 'handler' : 'reader'
  }

  const stop = () => cancelTimer()
  void run.then(stop, stop)
  check()
}
