import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Clock, RecordPage, StreamsApi } from '../../../src/index.ts'
import type { World } from '../world.ts'

/** The process that a stream runs in. After it has died, no timer of it fires and no call settles. */
export interface Process {
  readonly clock: Clock
  readonly client: StreamsApi
  readonly tableClient: DynamoDBClient
  /** The number of timers that are set. */
  readonly timers: number
  /** The number of calls made to the service. */
  readonly calls: number
  /** The number of successful calls that found nothing new: listings, and reads of an empty page. */
  readonly polls: number
  /** The event ids of the records received since {@link clearReceived}. */
  readonly received: ReadonlySet<string>
  clearReceived(): void
  /**
   * Returns the result of work outside of the process. After the process has died, the promise never settles.
   */
  whileAlive<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when the process first calls the service or the store. */
  readonly firstUse: Promise<void>
  readonly isAlive: boolean
  die(): void
}

/**
 * How long DescribeTable takes, in ms. It is simulated here because the SDK's client would read configuration
 * files in real time.
 */
const TABLE_LATENCY_MS = 40

export function startProcess(world: World): Process {
  const cancels = new Set<() => void>()
  let received = new Set<string>()
  let calls = 0
  let polls = 0
  let isAlive = true

  const never = <T>(): Promise<T> => new Promise<T>(() => {})

  let noteUse = () => {}
  const firstUse = new Promise<void>((resolve) => {
    noteUse = resolve
  })

  const whileAlive = async <T>(work: () => Promise<T>): Promise<T> => {
    noteUse()
    if (!isAlive) return never()
    const [result] = await Promise.allSettled([work()])
    if (!isAlive) return never()
    if (result.status === 'rejected') throw result.reason
    return result.value
  }

  const clock: Clock = {
    now: () => world.clock.now(),
    monotonic: () => world.clock.monotonic(),
    setTimer: (delayMs, callback) => {
      if (!isAlive) return () => {}
      const cancelTimer = world.clock.setTimer(delayMs, () => {
        cancels.delete(cancel)
        callback()
      })
      const cancel = () => {
        cancels.delete(cancel)
        cancelTimer()
      }
      cancels.add(cancel)
      return cancel
    },
  }

  const receive = ({ records }: RecordPage): void => {
    if (records.length === 0) polls++
    for (const record of records) if (record.eventID !== undefined) received.add(record.eventID)
  }

  const api = world.client as StreamsApi
  const call = <T>(work: () => Promise<T>): Promise<T> => {
    calls++
    return whileAlive(work)
  }
  const client: StreamsApi = {
    listShards: (request, signal) =>
      call(async () => {
        const page = await api.listShards(request, signal)
        polls++
        return page
      }),
    openIterator: (request, signal) => call(() => api.openIterator(request, signal)),
    readRecords: (request, signal) =>
      call(async () => {
        const page = await api.readRecords(request, signal)
        if (isAlive && !signal.aborted) receive(page)
        return page
      }),
  }

  const describeTable = (signal: AbortSignal | undefined): Promise<unknown> =>
    call(
      () =>
        new Promise((resolve, reject) => {
          const cancel = world.clock.setTimer(TABLE_LATENCY_MS, () =>
            resolve({ Table: { LatestStreamArn: world.emulator.streamArn } }),
          )
          signal?.addEventListener('abort', () => {
            cancel()
            reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }))
          })
        }),
    )
  const tableClient = {
    send: (command: unknown, { abortSignal }: { abortSignal?: AbortSignal } = {}) => {
      if (command instanceof DescribeTableCommand) return describeTable(abortSignal)
      return Promise.reject(new TypeError('This client supports only DescribeTable.'))
    },
    destroy: () => {},
  } as unknown as DynamoDBClient

  return {
    clock,
    client,
    tableClient,
    get timers() {
      return cancels.size
    },
    get calls() {
      return calls
    },
    get polls() {
      return polls
    },
    get received() {
      return received
    },
    clearReceived: () => {
      received = new Set()
    },
    whileAlive,
    firstUse,
    get isAlive() {
      return isAlive
    },
    die: () => {
      isAlive = false
      for (const cancel of [...cancels]) cancel()
    },
  }
}
