import { dynamoDBCheckpointStore } from '../../../src/checkpoints/dynamodb.ts'
import {
  type CheckpointOptions,
  type DynamoDBStream,
  type OpenStreamOptions,
  openStream,
  type ProcessOptions,
  processStream,
} from '../../../src/index.ts'
import { ManualClock, StreamEmulator } from '../../../src/testing/index.ts'
import { type Deliver, FakeTable } from '../../support/fake-table.ts'

export const LEASE_MS = 3_000

/** How far the clocks of the workers move in turn, in ms. */
const STEP_MS = 50

export interface WorkerOptions {
  readonly checkpoint?: Partial<CheckpointOptions>
  readonly open?: Partial<OpenStreamOptions>
  /** How calls reach the checkpoint table. @default at once */
  readonly deliver?: Deliver
  /** Processes the records with `processStream`. @default a loop */
  readonly process?: Partial<ProcessOptions> & { readonly handlerMs?: number }
}

/** A record that a worker has started to process. */
export interface Handled {
  readonly worker: string
  readonly n: number
  readonly epoch: number | undefined
}

/** A worker with a clock of its own. */
export class Worker {
  readonly name: string
  readonly clock: ManualClock = new ManualClock()
  readonly stop: AbortController = new AbortController()
  readonly events: Record<string, unknown>[] = []
  stream: DynamoDBStream | undefined
  /** How it has ended: an error, or 'closed'. */
  ended: unknown
  /** Whether the process is suspended. */
  isAsleep = false
  /** Whether the process was killed. */
  isDead = false
  /** The signals of the handlers, in the order of their starts. */
  readonly signals: AbortSignal[] = []

  constructor(name: string) {
    this.name = name
  }

  /** The names of the events so far, such as `standby`. */
  get eventNames(): string[] {
    return this.events.map(({ event }) => String(event))
  }
}

/** Workers that share a stream and a checkpoint in DynamoDB, with the option `standby`. */
export class Workers {
  readonly table: FakeTable = new FakeTable()
  readonly clock: ManualClock = new ManualClock()
  readonly emulator: StreamEmulator = new StreamEmulator({ clock: this.clock, seed: 7 })
  readonly handled: Handled[] = []
  readonly #workers: Worker[] = []
  #written = 0

  write(count: number): void {
    for (let left = count; left > 0; left--) {
      this.emulator.put({ id: `item-${this.#written % 5}`, n: this.#written++ })
    }
  }

  start(name: string, options: WorkerOptions = {}): Worker {
    const worker = new Worker(name)
    this.#workers.push(worker)
    void this.#run(worker, options).then(
      () => {
        worker.ended = 'closed'
      },
      (error: unknown) => {
        worker.ended = error
      },
    )
    return worker
  }

  /** Lets time pass for all processes. Those that sleep or are dead do nothing. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await this.clock.advance(STEP_MS)
      for (const { clock, isAsleep, isDead } of this.#workers) {
        if (isAsleep) clock.suspend(STEP_MS)
        else if (!isDead) await clock.advance(STEP_MS)
      }
    }
  }

  /** The numbers of the records that a worker has started to process. */
  numbersOf({ name }: Worker): number[] {
    return this.handled.filter(({ worker }) => worker === name).map(({ n }) => n)
  }

  async #run(worker: Worker, options: WorkerOptions): Promise<void> {
    const { clock, name, events } = worker
    const client = this.table.client(options.deliver)
    const noting = (event: string) => (details: object) => void events.push({ event, ...details })
    const stream = await openStream({
      streamArn: this.emulator.streamArn,
      client: this.emulator.api,
      clock,
      random: () => 0.5,
      signal: worker.stop.signal,
      checkpoint: {
        store: dynamoDBCheckpointStore({ client, tableName: 'checkpoints', owner: name, clock }),
        name: 'worker',
        everyMs: 500,
        standby: true,
        leaseMs: LEASE_MS,
        ...options.checkpoint,
      },
      listeners: {
        standby: noting('standby'),
        leaseAcquired: noting('leaseAcquired'),
        checkpointRetry: noting('checkpointRetry'),
      },
      ...options.open,
    })
    worker.stream = stream
    try {
      if (options.process) await this.#process(worker, stream, options.process)
      else {
        for await (const record of stream) {
          this.handled.push({ worker: name, n: record.newImage?.n as number, epoch: stream.epoch })
        }
      }
    } finally {
      await stream.close()
    }
  }

  async #process(
    worker: Worker,
    stream: DynamoDBStream,
    { handlerMs = 0, ...options }: NonNullable<WorkerOptions['process']>,
  ): Promise<void> {
    await processStream(
      stream,
      async (record, { epoch, signal }) => {
        this.handled.push({ worker: worker.name, n: record.newImage?.n as number, epoch })
        worker.signals.push(signal)
        if (handlerMs > 0)
          await new Promise<void>((resolve) => void worker.clock.setTimer(handlerMs, resolve))
      },
      options,
    )
  }
}
