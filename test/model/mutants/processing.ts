import { inFile, type Mutant } from './mutant.ts'

const run = inFile('src/processing/run.ts', [
  {
    name: 'does not save that attempts were given back',
    from: 'if (this.#running.close()) this.#source.changed()',
    to: 'this.#running.close()',
  },
  {
    name: 'does not pause',
    from: '    this.#isPaused = true\n',
    to: '',
  },
  {
    name: 'sends dead letters after it has lost the lease',
    from: '    this.#turns.stop()\n    this.#outcomes.stop()\n    this.#abortAttempts(reason)\n    this.#giveBackAttempts()',
    to: '    this.#turns.stop()\n    this.#abortAttempts(reason)\n    this.#phase = "over" as Phase',
  },
  {
    name: 'puts records of a key into different lanes',
    from: "this.#planner.enqueue(queued, order === 'shard' ? record.shardId : itemKey, now)",
    to: "this.#planner.enqueue(queued, order === 'shard' ? record.shardId : undefined, now)",
  },
  {
    name: 'does not report settled records to the checkpoint',
    from: '    this.#source.settled(this.#settledSinceSave)\n',
    to: '',
  },
  {
    name: 'forgets records that it has not settled',
    from: 'this.#source.detach(deliveries.map(({ delivery }) => delivery as Delivery))',
    to: 'this.#source.detach([])',
  },
])

const running = inFile('src/processing/running-attempts.ts', [
  {
    name: 'starts an attempt that may end the process before it is counted',
    from: "if (saveFirst === 'no') this.#call(started)",
    to: "if (saveFirst !== 'preferred') this.#call(started)",
  },
  {
    name: 'waits for a save that does not contain the attempt',
    from: '    // Without a change, a save would not write that the attempt is running.\n    listener.progressed(records)\n',
    to: '',
  },
  {
    name: 'counts attempts that a shutdown cuts short',
    from: 'for (const { work } of this.#running.values()) for (const record of work.records) record.giveBackAttempt()',
    to: '',
  },
  {
    name: 'counts results of handlers that come after its end',
    from: '    if (this.#isClosed) return\n    this.#running.remove(started.slot)',
    to: '    this.#running.remove(started.slot)',
  },
])

const turns = inFile('src/processing/turns.ts', [
  {
    name: 'does not set the timer of a retry',
    from: '    const delayMs = Math.max(0, time - this.#clock.monotonic())\n',
    to: '    const delayMs = 1e9 + time\n',
  },
])

const outcomes = inFile('src/processing/outcomes.ts', [
  {
    name: 'settles a record before its dead letter is accepted',
    from: '    record.letterStarted()\n',
    to: '',
  },
  {
    name: 'counts attempts during an outage',
    from: "this.#endAttempt(record, verdict.do === 'wait', outcome)",
    to: 'this.#endAttempt(record, false, outcome)',
  },
  {
    name: 'runs tasks again that have succeeded',
    from: "if (outcome.result === 'handled') record.finishTask(outcome.task)",
    to: "if (outcome.result === 'handled') continue",
  },
  {
    name: 'settles a record when its first task is given up',
    from: '    if (retry !== undefined) return this.#retry(record, retry.at, park)\n    if (!record.hasOpenLetters)',
    to: '    if (!record.hasOpenLetters)',
  },
  {
    name: 'counts discarded records as handled',
    from: "      record.noteFate('discarded')\n",
    to: '',
  },
])

const records = inFile('src/processing/queued-record.ts', [
  {
    name: 'starts to count attempts again after a restart',
    from: 'this.#attempts = resumed?.attempts ?? 0',
    to: 'this.#attempts = 0',
  },
  {
    name: 'does not resume finished tasks',
    from: 'this.#finishedTasks = resumed?.finishedTasks ?? []',
    to: 'this.#finishedTasks = []',
  },
  {
    name: 'does not store that an attempt is running',
    from: 'const isRunning = this.#isRunning || (',
    to: 'const isRunning = false && (',
  },
  {
    name: 'covers settled records of the key by the entry of a record that was given up',
    from: 'return this.#isGivenUp || this.#hasLeftKey ? undefined : this.#itemKey',
    to: 'return this.#itemKey',
  },
  {
    name: 'counts an attempt in a batch for every record of the batch',
    from: '    if (isCounted) this.#attempts++\n',
    to: '    this.#attempts++\n',
  },
])

const planner = inFile('src/processing/planner.ts', [
  {
    name: 'starts one attempt too many',
    from: 'this.#running >= this.#options.concurrency',
    to: 'this.#running > this.#options.concurrency',
  },
  {
    name: 'takes one record too many',
    from: 'if (this.unsettled >= maxUnsettled)',
    to: 'if (this.unsettled > maxUnsettled)',
  },
  {
    name: 'starts a child shard before its ancestors are settled',
    from: "if (this.#options.order === 'shard') this.#waitForAncestors(lane, record.shardId)",
    to: '',
  },
  {
    name: 'ignores the bound on failing keys',
    from: 'this.#ready.take(!this.isAtFailingBound)',
    to: 'this.#ready.take(true)',
  },
  {
    name: 'continues with a lane before the dead letter of its record is accepted',
    from: '    if (lane.isHeld) return\n    if (lane.length === 0)',
    to: '    if (lane.length === 0)',
  },
  {
    name: 'never runs the second half of a batch that was split',
    from: '      this.#addFragment(left.slice(middle), retryAt)\n',
    to: '',
  },
])

const policy = inFile('src/processing/failure-policy.ts', [
  {
    name: 'makes one attempt too many',
    from: 'if (record.attempts >= policy.maxAttempts) {',
    to: 'if (record.attempts > policy.maxAttempts) {',
  },
])

const letters = inFile('src/processing/letter-sender.ts', [
  {
    name: 'takes a failed send for an accepted letter',
    from: 'if (failure === undefined) request.onAccepted()',
    to: 'if (failure !== null) request.onAccepted()',
  },
  {
    name: 'does not send a letter again',
    from: '      this.#enqueue(request, failures)\n',
    to: '',
  },
  {
    name: 'settles records by letters that are accepted after the end',
    from: '    if (this.#isClosed) return\n',
    to: '',
  },
])

const calls = inFile('src/processing/attempt-calls.ts', [
  {
    name: 'keeps finished tasks only when all tasks of the attempt have ended',
    from: "      if (outcome.result === 'handled') target.taskSucceeded(task)\n",
    to: '',
  },
])

const batches = inFile('src/processing/read-outcome.ts', [
  {
    name: 'settles records of a lane after one that has failed',
    from: "hasFailed ||= result.result === 'failed' || result.result === 'repeat'",
    to: '',
  },
  {
    name: 'takes a batch that has thrown for a success',
    from: "if (outcome.kind === 'batchFailed') return repeat",
    to: "if (outcome.kind === 'batchFailed') return handled",
  },
])

const ledger = inFile('src/shards/shard-ledger.ts', [
  {
    name: 'covers processed records by an entry of an earlier run over the same stream',
    from: 'if (this.tracker !== undefined && this.tracker.itemKey === undefined) this.#isNamed = true',
    to: '',
  },
  {
    name: 'forgets the attempts of a record that the entry of an earlier one covers',
    from: 'if (isCovered && !(progress && isCounted(progress))) continue',
    to: 'if (isCovered) continue',
  },
])

/** Defects of `processStream`. */
export const processingMutants: readonly Mutant[] = [
  ...run,
  ...running,
  ...turns,
  ...outcomes,
  ...records,
  ...planner,
  ...policy,
  ...letters,
  ...calls,
  ...batches,
  ...ledger,
]
