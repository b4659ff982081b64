import { inFile, type Mutant } from './mutant.ts'

const handler = inFile('src/lambda/lambda-handler.ts', [
  {
    name: 'names the last record that is not settled',
    from: 'const [first] = unsettled\n',
    to: 'const first = unsettled.at(-1)\n',
  },
  {
    name: 'returns failures that Lambda ignores',
    from: 'if (readsResponse === false || (isFullFailure',
    to: 'if ((isFullFailure',
  },
  {
    name: 'does not disable the mapping after a fatal failure',
    from: '    if (attempts.isFatal) await disable(switchable, key, remainingMsOf(context) / 2, log)\n',
    to: '',
  },
])

const invocation = inFile('src/lambda/invocation.ts', [
  {
    name: 'attempts records of a key after one that is reported',
    from: 'if (!(await handleRecord(record))) return\n',
    to: 'await handleRecord(record)\n',
  },
  {
    name: 'does not abort handlers at the deadline',
    from: "    attempts.abort(new StreamError('closed', 'The time of the invocation is almost over.', {}))\n",
    to: '',
  },
])

const lifetime = inFile('src/lambda/lifetime.ts', [
  {
    name: 'starts more after it was stopped',
    from: 'return this.#stopped.signal.aborted || !this.includes(this.#clock.monotonic())',
    to: 'return !this.includes(this.#clock.monotonic())',
  },
  {
    name: 'relies on the timer of the deadline',
    from: 'return this.#stopped.signal.aborted || !this.includes(this.#clock.monotonic())',
    to: 'return this.#stopped.signal.aborted',
  },
  {
    name: 'waits for handlers until the deadline',
    from: 'this.#endAt = deadline - reservedMs / 2',
    to: 'this.#endAt = deadline',
  },
  {
    name: 'reserves all of a short time',
    from: 'Math.min(reserveMs, remainingMs / 2)',
    to: 'Math.min(reserveMs, remainingMs)',
  },
])

const attempts = inFile('src/lambda/record-attempts.ts', [
  {
    name: 'disables the mapping because of a batch that it has aborted',
    from: 'if (disableMapping === undefined || this.#isAborted) return false',
    to: 'if (disableMapping === undefined) return false',
  },
  {
    name: 'sends dead letters after the response',
    from: '        if (this.#lifetime.isStopping) return false\n        await target.send',
    to: '        await target.send',
  },
  {
    name: 'sends a dead letter again that was accepted',
    from: 'await target.send(letter)\n        return true\n',
    to: 'await target.send(letter)\n        if (failures > 1) return true\n',
  },
  {
    name: 'settles a record whose dead letter was not accepted',
    from: 'if (!(await this.#send(target, letter, record))) return false',
    to: 'await this.#send(target, letter, record)',
  },
  {
    name: 'gives up records because of failures after their signal has aborted',
    from: "      if (this.#isAborted) return 'reported'\n",
    to: '',
  },
  {
    name: 'gives up records by age before their first attempt',
    from: 'const aged = record.attemptsInRun > 0 ? judgeAge(record, this.#options.retry, this.#now) : undefined',
    to: 'const aged = judgeAge(record, this.#options.retry, this.#now)',
  },
  {
    name: 'attempts a record that has become too old since its last attempt',
    from: 'const aged = record.attemptsInRun > 0 ? judgeAge(record, this.#options.retry, this.#now) : undefined',
    to: 'const aged = undefined as GiveUp | undefined',
  },
  {
    name: 'attempts a record of a batch behind an old one that cannot be given up',
    from: 'if (aged === undefined && !blocked.has(record.laneKey))',
    to: 'if (aged === undefined)',
  },
  {
    name: 'gives up tasks that have succeeded',
    from: 'const isFinished = task !== undefined && record.finishedTasks.includes(task)',
    to: 'const isFinished = false',
  },
  {
    name: 'runs tasks again that have succeeded',
    from: 'if (task !== undefined) record.finishTask(task)\n        continue',
    to: 'continue',
  },
  {
    name: 'continues after the first failure',
    from: "    if (this.#options.onFirstFailure === 'stop') this.#lifetime.stop()\n",
    to: '',
  },
  {
    name: 'continues after a fatal failure',
    from: '    if (this.#isFatal) this.#lifetime.stop()\n',
    to: '',
  },
  {
    name: 'gives up records because of three attempts in an invocation',
    from: "(reportsExhausted && condition === 'RetryAttemptsExhausted')",
    to: 'false',
  },
  {
    name: 'calls all handlers at the same time',
    from: 'this.#slots = new CallSlots(options.concurrency)',
    to: 'this.#slots = new CallSlots(1e9)',
  },
  {
    name: 'sends the dead letters of a key in a batch at the same time',
    from: 'await Promise.all(lanes.map(followLane))',
    to: 'await Promise.all(records.map((record) => followLane({ records: [record] })))',
  },
])

const record = inFile('src/lambda/invoked-record.ts', [
  {
    name: 'counts attempts that do not count',
    from: '    if (!counts) this.#attempts--\n',
    to: '',
  },
  {
    name: 'counts an attempt in a batch for every record of the batch',
    from: 'if (isAlone) this.#attempts++\n',
    to: 'this.#attempts++\n',
  },
])

const batches = inFile('src/lambda/batches.ts', [
  {
    name: 'handles both halves of a batch at the same time',
    from: '      await run(records.slice(0, middle), splits + 1)\n',
    to: '      void run(records.slice(0, middle), splits + 1)\n',
  },
  {
    name: 'lets later batches overtake one that it cannot split in time',
    from: '        for (const record of records) queue.block(record)\n',
    to: '',
  },
])

const queue = inFile('src/lambda/batch-queue.ts', [
  {
    name: 'handles a key in two batches at the same time',
    from: '    for (const { laneKey } of batch) this.#busy.add(laneKey)\n',
    to: '',
  },
  {
    name: 'lets a record overtake one of its key that is too large for the batch',
    from: '        unavailable.add(record.laneKey)\n',
    to: '',
  },
  {
    name: 'adds a record to a batch although its filter has thrown',
    from: ' && !record.mustFilter)',
    to: ')',
  },
])

const mappings = [
  ...inFile('src/lambda/mapping-check.ts', [
    {
      name: 'checks the mapping in every invocation',
      from: '    this.#results.set(id, result)\n',
      to: '',
    },
  ]),
  ...inFile('src/lambda/event-source-mappings.ts', [
    {
      name: 'relies on one of several mappings',
      from: 'mappings.every(reads)',
      to: 'mappings.some(reads)',
    },
    {
      name: 'reads only the first page of the mappings',
      from: 'Marker = page.NextMarker',
      to: 'Marker = undefined',
    },
  ]),
]

/** Mutants of `lambdaHandler`. */
export const lambdaMutants: readonly Mutant[] = [
  ...handler,
  ...invocation,
  ...lifetime,
  ...attempts,
  ...record,
  ...batches,
  ...queue,
  ...mappings,
]
