import { inFile, type Mutant } from './mutant.ts'

export const shardReaderMutants: readonly Mutant[] = inFile('src/reader/shard-reader.ts', [
  {
    name: 'a shard that was not read before is opened at its tip',
    from: "? { type: 'TRIM_HORIZON' }",
    to: "? { type: 'LATEST' }",
  },
  {
    name: 'a page that is returned twice is delivered twice',
    from: 'return this.#firstWanted(records, unseen)',
    to: 'return this.#firstWanted(records, 0)',
  },
  {
    name: 'records that were trimmed unread are skipped silently',
    from: 'return this.#since === undefined || this.#since < serviceNow - RETENTION_MS',
    to: 'return false',
  },
  {
    name: 'reading continues AT the last sequence number instead of AFTER it',
    from: "type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: lastRead",
    to: "type: 'AT_SEQUENCE_NUMBER', sequenceNumber: lastRead",
  },
  {
    name: 'the requested time is not truncated to the second',
    from: 'this.#since = Math.floor(start.since / timeGranularityMs) * timeGranularityMs',
    to: 'this.#since = start.since',
  },
  {
    name: 'a first record without a time is merged as if it were just written',
    from: 'parentTime ?? node.createdAt ?? serviceNow',
    to: 'serviceNow',
  },
  {
    name: 'a shard whose records are held back blocks the merge',
    from: 'if (this.#isHeld || this.#state.atTip',
    to: 'if (this.#state.atTip',
  },
  {
    name: 'a stalled shard blocks the merge',
    from: 'this.#state.isStalled || this.queue.length > 0) return false',
    to: 'this.queue.length > 0) return false',
  },
  {
    name: 'a shard whose end is being checked blocks the merge',
    from: "this.#phase !== 'stopped' && this.#phase !== 'checkingEnd' &&",
    to: "this.#phase !== 'stopped' &&",
  },
  {
    name: 'a read that started before the call counts as a poll for it',
    from: 'this.#lastPolledRead > readNumber ||',
    to: 'this.#lastPolledRead >= readNumber ||',
  },
  {
    name: 'a caller waits for a shard whose end is being checked',
    from: "      this.#phase === 'checkingEnd' ||\n",
    to: '',
  },
  {
    name: 'a caller waits for a stalled shard',
    from: '      this.#state.isStalled ||\n',
    to: '',
  },
  {
    name: 'a position before the first sequence number of a shard is requested unchanged',
    from: 'lastRead !== undefined && !this.#isBeforeFirst(lastRead)',
    to: 'lastRead !== undefined',
  },
  {
    name: 'a read may start before the rate limit of the shard allows it',
    from: 'Math.max(dueAt, this.#state.notBefore)',
    to: 'dueAt',
  },
  {
    name: 'a shard opened with LATEST is not at its tip',
    from: 'this.#state = { ...this.#state, atTip: true }',
    to: '',
  },
  {
    name: 'a failed read counts as a page',
    from: "if (outcome.kind === 'page') this.#respondedAt = this.#polledAt",
    to: 'this.#respondedAt = this.#polledAt',
  },
  {
    name: 'the last record that was fetched counts as unseen',
    from: 'compareSequenceNumbers(sequenceNumber, fetched) > 0) break',
    to: 'compareSequenceNumbers(sequenceNumber, fetched) >= 0) break',
  },
  {
    name: 'the result of an end check that is over is processed',
    from: "if (outcome.kind === 'endChecked' && this.#phase !== 'checkingEnd') return undefined",
    to: '',
  },
  {
    name: 'a page before the tip shows that everything was fetched',
    from: 'if (isPolled && state.atTip) this.#caughtUpAt',
    to: 'if (isPolled) this.#caughtUpAt',
  },
  {
    name: 'a failing shard is read at once when its last record is delivered',
    from: 'return this.#state.atTip || this.isFailing ? undefined : context.now',
    to: 'return this.#state.atTip ? undefined : context.now',
  },
  {
    name: 'a caller shortens the pause of a failing shard',
    from: "if (this.#phase !== 'scheduled' || this.isFailing) return undefined\n    const dueAt",
    to: "if (this.#phase !== 'scheduled') return undefined\n    const dueAt",
  },
  {
    name: 'an idle shard is polled without a pause while a caller waits',
    from: 'this.#state.atTip ? this.#polledAt + idlePollMs.min : now',
    to: 'now',
  },
  {
    name: 'a trimmed record of a shard that need not be complete is a gap if the requested time is old enough',
    from: '(mustBeComplete && start.since < serviceNow - RETENTION_MS - CLOCK_SKEW_MS)',
    to: '(start.since < serviceNow - RETENTION_MS - CLOCK_SKEW_MS)',
  },
  {
    name: 'a young shard that vanished is not a gap',
    from: 'node.mustBeComplete || node.fetched !== undefined || isYoung',
    to: 'node.mustBeComplete || node.fetched !== undefined',
  },
  {
    name: 'records trimmed after one from before the requested time are always a gap',
    from: 'return this.#since === undefined || this.#since < serviceNow - RETENTION_MS',
    to: 'return true',
  },
  {
    name: 'records trimmed after one from before the requested time are never a gap',
    from: 'return this.#since === undefined || this.#since < serviceNow - RETENTION_MS',
    to: 'return this.#since === undefined',
  },
  {
    name: 'a position that was refused without a gap is requested forever',
    from: "if (this.#state.isRefused && !this.losesTrimmed(serviceNow)) return { type: 'TRIM_HORIZON' }",
    to: '',
  },
  {
    name: 'a position that was refused is given up although records are missing',
    from: 'if (this.#state.isRefused && !this.losesTrimmed(serviceNow)) return',
    to: 'if (this.#state.isRefused) return',
  },
  {
    name: 'a first sequence number that was rejected is tried again',
    from: '!this.losesTrimmed(serviceNow) || this.#state.rejectsFirstNumber',
    to: '!this.losesTrimmed(serviceNow)',
  },
  {
    name: 'an old shard is read from its oldest retained record even if it must be complete',
    from: 'return node.startingSequenceNumber',
    to: 'return undefined',
  },
  {
    name: 'a record without a time is skipped',
    from: 'createdAt === undefined || createdAt >= this.#since',
    to: 'createdAt !== undefined && createdAt >= this.#since',
  },
  {
    name: 'records dated before the requested time are skipped even after a newer record of their shard',
    from: '        this.#since = undefined\n        return index',
    to: '        return index',
  },
])
