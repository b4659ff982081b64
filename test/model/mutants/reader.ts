import { inFile, type Mutant } from './mutant.ts'

export const readerMutants: readonly Mutant[] = [
  ...inFile('src/reader/next-step.ts', [
    {
      name: 'one empty page counts as the tip',
      from: 'EMPTY_PAGES_TO_CROSS = 6',
      to: 'EMPTY_PAGES_TO_CROSS = 1',
    },
    {
      name: 'six empty pages of a closed shard count as the tip',
      from: 'EMPTY_PAGES_OF_CLOSED_SHARD = 100',
      to: 'EMPTY_PAGES_OF_CLOSED_SHARD = 6',
    },
    {
      name: 'an unreadable oldest position is treated as readable',
      from: 'if (!outcome.isReadable) return afterRefusedTrimHorizon(state, context)',
      to: '',
    },
    {
      name: 'a readable oldest position is forgotten, and probed again',
      from: 'reopen({ ...state, isTrimHorizonReadable: true }, context.now)',
      to: 'reopen(state, context.now)',
    },
    {
      name: 'a successful read does not reset the count of failures',
      from: 'refusalsSinceEnd: 0,\n    ...noFailure,',
      to: 'refusalsSinceEnd: 0,',
    },
    {
      name: 'a successful read leaves the oldest position known as readable',
      from: 'isTrimHorizonReadable: false,\n    isRefused: false,',
      to: 'isRefused: false,',
    },
    {
      name: 'an iterator never counts as expired',
      from: 'iteratorExpiresAt: context.polledAt + ITERATOR_LIFE_MS',
      to: 'iteratorExpiresAt: Number.POSITIVE_INFINITY',
    },
    {
      name: 'a shard that once had no next iterator stays assumed open',
      from: '{ ...afterSuccess, openConfirmations: 0, assumedOpenUntil: Number.NEGATIVE_INFINITY }',
      to: 'afterSuccess',
    },
    {
      name: 'empty pages before the tip count as idle polls',
      from: 'idlePolls: state.atTip ? state.idlePolls + 1 : state.idlePolls',
      to: 'idlePolls: state.idlePolls + 1',
    },
    {
      name: 'the tip must be found again after each record',
      from: 'atTip: state.atTip || emptyPages >=',
      to: 'atTip: emptyPages >=',
    },
    {
      name: 'a page with only skipped records leaves the shard at the tip',
      from: 'if (admitted === 0) return { ...state, ...oneEmptyPageToTip, idlePolls: 0 }',
      to: '',
    },
    {
      name: 'a read that was in flight during a pause shows the tip',
      from: '  if (readNumber <= state.lastStaleRead) return state\n',
      to: '',
    },
    {
      name: 'a pause shortens the empty stretch that a shard has to cross',
      from: '...(state.atTip && oneEmptyPageToTip)',
      to: '...oneEmptyPageToTip',
    },
    {
      name: 'a full page leaves the shard at the tip',
      from: 'atTip: state.atTip && !isFull',
      to: 'atTip: state.atTip',
    },
    {
      name: 'an expired shard is finished although it also had no next iterator while it was open',
      from: 'hasShownEnd: nextIterator === undefined && state.openConfirmations === 0',
      to: 'hasShownEnd: nextIterator === undefined',
    },
    {
      name: 'a refused shard still counts as refused after a page',
      from: 'isRefused: false,\n    refusals: 0,',
      to: 'refusals: 0,',
    },
  ]),
  ...inFile('src/reader/poll-interval.ts', [
    {
      name: 'full pages are rate limited',
      from: 'if (isFull || newestAt === undefined',
      to: 'if (newestAt === undefined',
    },
    {
      name: 'pages of old records are rate limited',
      from: 'newestAt < serviceNow - BACKLOG_AGE_MS',
      to: 'false',
    },
    {
      name: 'a busy shard is not rate limited',
      from: 'notBefore: now + waitMs',
      to: 'notBefore: 0',
    },
    {
      name: 'any page shows whether there is anything new',
      from: 'const isPolled = state.atTip || context.hasBuffered',
      to: 'const isPolled = true',
    },
    {
      name: 'a shard is read ahead without limit',
      from: "if (context.isPrefetched) return { state, action: { do: 'pause' }, isPolled }",
      to: '',
    },
    {
      name: 'a shard with a backlog ignores its rate limit',
      from: 'if (!state.atTip) return Math.max(now, state.notBefore)',
      to: 'if (!state.atTip) return now',
    },
    {
      name: 'a waiting caller does not shorten the pause of an idle shard',
      from: 'isAwaited ? min : Math.round',
      to: 'Math.round',
    },
    {
      name: 'the pauses of an idle shard do not grow',
      from: 'min * 1.5 ** Math.min(20, state.idlePolls)',
      to: 'min',
    },
  ]),
  ...inFile('src/reader/end-of-shard.ts', [
    {
      name: 'any page without a next iterator is the end of the shard',
      from: "if (context.hadEnded) return { state, action: { do: 'finish' } }",
      to: "return { state, action: { do: 'finish' } }",
    },
    {
      name: 'a shard that was closed during its last read is not read again',
      from: 'if (context.hasEnded) return reopen(state, context.now)\n  if (context.now',
      to: "if (context.hasEnded) return { state, action: { do: 'finish' } }\n  if (context.now",
    },
    {
      name: 'an open shard without a next iterator is listed after each page',
      from: 'if (context.now < state.assumedOpenUntil) return continueReading(state, context)',
      to: '',
    },
    {
      name: 'a caller does not wait for the listing that shows whether a shard is closed',
      from: 'isPolled: !isFirstCheck',
      to: 'isPolled: true',
    },
    {
      name: 'a shard that a listing shows as closed is not read again',
      from: 'if (context.hasEnded) return reopen(state, context.now)\n  if (!wasListed)',
      to: "if (context.hasEnded) return { state, action: { do: 'finish' } }\n  if (!wasListed)",
    },
    {
      name: 'a shard without known children counts as listed and open',
      from: 'if (!wasListed) return { state, action: undefined }',
      to: '',
    },
    {
      name: 'a listing that shows a shard as open is trusted for a day',
      from: 'Math.min(LONGEST_ASSUMED_OPEN_MS, 500 * 2 ** state.openConfirmations)',
      to: '86_400_000',
    },
    {
      name: 'the end that a page has shown is trusted although a listing shows the shard as open',
      from: '    hasShownEnd: false,\n    assumedOpenUntil: context',
      to: '    assumedOpenUntil: context',
    },
  ]),
  ...inFile('src/reader/retry-failed-read.ts', [
    {
      name: 'trimmed records are a gap although all of them were settled',
      from: "reopen({ ...state, unsettledStart: 'used' }, context.now)",
      to: "gap(state, 'position-trimmed', error)",
    },
    {
      name: 'a young shard that is not found is given up after a burst of errors',
      from: 'YOUNG_SHARD_NOT_FOUND_STEP_MS = 75_000',
      to: 'YOUNG_SHARD_NOT_FOUND_STEP_MS = 0',
    },
    {
      name: 'an old shard is given up when it is not found once',
      from: 'OLD_SHARD_NOT_FOUND = 2',
      to: 'OLD_SHARD_NOT_FOUND = 1',
    },
    {
      name: 'a call that timed out is classified by its error',
      from: 'if (error instanceof CallTimeout) return retry(state, failed, context)',
      to: '',
      equivalent: 'classifyError also returns retry for TimeoutError, the name of CallTimeout',
    },
    {
      name: 'iterators that expire at once are renewed without a pause',
      from: 'if (hadOldIterator(state, failed, context)) return reopen(state, context.now)',
      to: 'return reopen(state, context.now)',
    },
    {
      name: 'an expired iterator counts as a failure of a shard that failed before',
      from: 'if (hadOldIterator(state, failed, context)) return reopen(state, context.now)',
      to: 'if (state.failures === 0) return reopen({ ...state, failures: 1 }, context.now)',
    },
    {
      name: 'trimmed records of a shard that need not be complete are a gap',
      from: 'if (!context.losesTrimmed) {',
      to: 'if (!state) {',
    },
    {
      name: 'a refused position of an open shard is always a gap',
      from: "return { state, action: { do: 'probeTrimHorizon', failed } }",
      to: "return gap(state, 'position-trimmed', error)",
    },
    {
      name: 'a closed shard that was trimmed unread is not a gap',
      from: "operation !== 'GetRecords' || context.hasEnded || state",
      to: "operation !== 'GetRecords' || state",
    },
    {
      name: 'a position that is refused repeatedly is probed each time',
      from: 'context.hasEnded || state.isTrimHorizonReadable',
      to: 'context.hasEnded',
    },
    {
      name: 'a stream that is not found is looked up repeatedly',
      from: "if (operation === 'DescribeStream') return { state, action: { do: 'fail', error } }",
      to: '',
    },
    {
      name: 'a shard that is not found is given up without checking that the stream exists',
      from: "return { state, action: { do: 'describeStream', failed } }",
      to: 'return afterNotFound(state, failed, context)',
    },
    {
      name: 'a call that was throttled or aborted is not retried',
      from: "case 'aborted':\n      return retry(state, failed, context)",
      to: "case 'aborted':\n      return { state, action: { do: 'fail', error } }",
    },
    {
      name: 'an endpoint that rejects AT_SEQUENCE_NUMBER stops reading',
      from: "start?.type === 'AT_SEQUENCE_NUMBER' && isInvalidRequest(error)",
      to: 'false',
    },
    {
      name: 'any rejected request at the first sequence number counts as a wrong number',
      from: "start?.type === 'AT_SEQUENCE_NUMBER' && isInvalidRequest(error)",
      to: "start?.type === 'AT_SEQUENCE_NUMBER'",
    },
    {
      name: 'a stalled shard is reported at every retry',
      from: 'isStalled && !state.isStalled ?',
      to: 'isStalled ?',
    },
    {
      name: 'a young shard that stays unknown is never given up',
      from: 'spacedCount: streak.spacedCount + 1',
      to: 'spacedCount: streak.spacedCount',
    },
    {
      name: 'a young shard is given up after two errors with a pause of the consumer between them',
      from: 'YOUNG_SHARD_NOT_FOUND = 5',
      to: 'YOUNG_SHARD_NOT_FOUND = 2',
    },
    {
      name: 'a shard that was read to its end, and has expired when that is confirmed, is a gap',
      from: "if (!isGivenUp) return retry(withoutCurrentIterator({ ...state, notFound }), failed, context)\n  if (hasBeenRead(state, context)) return { state, action: { do: 'finish' } }",
      to: 'if (!isGivenUp) return retry(withoutCurrentIterator({ ...state, notFound }), failed, context)',
    },
    {
      name: 'a shard that was read to its end, and was trimmed when that is confirmed, is a gap',
      from: "if (hasBeenRead(state, context)) return { state, action: { do: 'finish' } }\n      if (!context.losesTrimmed)",
      to: 'if (!context.losesTrimmed)',
    },
    {
      name: 'a refusal of an iterator that was opened before shows that nothing is left',
      from: 'return hadOldIterator(state, failed, context)\n',
      to: 'return !state\n',
    },
    {
      name: 'an iterator that GetShardIterator did not return was opened before',
      from: "operation === 'GetRecords' && iteratorExpiresAt",
      to: 'iteratorExpiresAt',
    },
    {
      name: 'the iterator of a refused shard is used again after its next read fails',
      from: 'iterator: state.isRefused ? undefined : state.iterator,',
      to: '',
    },
    {
      name: 'a young shard is given up as fast as an old one',
      from: 'const isYoung = createdAt !== undefined && createdAt > serviceNow - RETENTION_MS',
      to: 'const isYoung = false && createdAt === serviceNow - RETENTION_MS',
    },
    {
      name: 'a shard that vanished unread is never a gap',
      from: "return context.losesShard ? gap(state, 'shard-vanished', failed.error) : { state, action: { do: 'expire' } }",
      to: "return { state, action: { do: 'expire' } }",
    },
    {
      name: 'a shard that vanished is always a gap',
      from: "return context.losesShard ? gap(state, 'shard-vanished', failed.error) : { state, action: { do: 'expire' } }",
      to: "return gap(state, 'shard-vanished', failed.error)",
    },
    {
      name: 'after a gap the old iterator is used again',
      from: "return { state: withoutCurrentIterator(state), action: { do: 'reportGap'",
      to: "return { state, action: { do: 'reportGap'",
    },
  ]),
  ...inFile('src/reader/refused-position.ts', [
    {
      name: 'a closed shard is finished when it is refused once',
      from: 'REFUSALS_OF_CLOSED_SHARD = 5',
      to: 'REFUSALS_OF_CLOSED_SHARD = 1',
    },
    {
      name: 'a stalled shard stays stalled when its position is refused',
      from: '...noFailure,\n    iterator: undefined,',
      to: 'iterator: undefined,',
    },
    {
      name: 'a refusal of an older iterator ends a streak of failures',
      from: 'const refused = { ...state, iterator',
      to: 'const refused = { ...state, ...noFailure, iterator',
    },
    {
      name: 'an older iterator that is refused is kept',
      from: 'const refused = { ...state, iterator: undefined,',
      to: 'const refused = { ...state,',
    },
    {
      name: 'empty pages before a refusal of an older iterator do not count',
      from: 'const refused = { ...state, iterator: undefined,',
      to: 'const refused = { ...state, iterator: undefined, emptyPages: 0,',
    },
    {
      name: 'a refusal of an older iterator is not remembered',
      from: 'const refused = { ...state, iterator: undefined, isRefused: true }',
      to: 'const refused = { ...state, iterator: undefined }',
    },
    {
      name: 'a refusal of an older iterator counts',
      from: 'const refused = { ...state, iterator: undefined, isRefused: true }',
      to: 'const refused = { ...state, iterator: undefined, isRefused: true, refusals: state.refusals + 1 }',
    },
    {
      name: 'a refusal that counts is not remembered',
      from: 'isRefused: true,\n    // The merge',
      to: '// The merge',
    },
    {
      name: 'a closed shard is finished because it was refused while it was open',
      from: 'const refusalsSinceEnd = hadEnded ? state.refusalsSinceEnd + 1 : 0',
      to: 'const refusalsSinceEnd = hadEnded ? refusals : 0',
    },
    {
      name: 'an open shard counts as having nothing new after a single refusal',
      from: 'REFUSALS_OF_OPEN_SHARD = 2',
      to: 'REFUSALS_OF_OPEN_SHARD = 1',
    },
    {
      name: 'a closed shard whose records are all trimmed is not waited for',
      from: 'const isEmpty = !hasEnded && refusals',
      to: 'const isEmpty = refusals',
    },
    {
      name: 'a closed shard whose records are all trimmed is never finished',
      from: "if (refusalsSinceEnd >= REFUSALS_OF_CLOSED_SHARD) return { state: idle, action: { do: 'finish' } }",
      to: '',
    },
    {
      name: 'a refused shard is polled again without a pause',
      from: 'nextPollAt({ ...idle, atTip: true }, { ...context, polledAt: now })',
      to: 'now',
    },
  ]),
  ...inFile('src/reader/read-state.ts', [
    {
      name: 'a new iterator counts as at the tip',
      from: 'iterator: undefined, atTip: false, emptyPages: 0, idlePolls: 0',
      to: 'iterator: undefined',
    },
  ]),
  ...inFile('src/reader/check-page.ts', [
    {
      name: 'a page whose records are not objects is accepted',
      from: 'return Array.isArray(page?.records) && page.records.every(isRecord)',
      to: 'return Array.isArray(page?.records)',
    },
  ]),
  ...inFile('src/reader/page-budget.ts', [
    {
      name: 'memory is not bounded',
      from: 'this.#maxBytes = maxBufferedBytes',
      to: 'this.#maxBytes = 2 ** 50 + maxBufferedBytes',
    },
    {
      name: 'pages in flight do not count as used memory',
      from: 'this.#reserved += bytes',
      to: '',
    },
    {
      name: 'an empty page sets the record size to 0',
      from: 'if (count === 0) return',
      to: '',
    },
  ]),
  ...inFile('src/reader/read-schedule.ts', [
    {
      name: 'shards are prefetched although memory is full',
      from: '(hasRoom ? this.#shift(this.#others) : undefined)',
      to: 'this.#shift(this.#others)',
    },
    {
      name: 'a shard that is stopped while it waits is still read',
      from: "if (reader.phase !== 'scheduled') this.#entries.delete(reader)",
      to: "if (reader.phase !== 'scheduled') return",
    },
    {
      name: 'a shard that starts to block the merge keeps its place in the queue',
      from: 'else if (entry.queue !== undefined && entry.queue !== this.#queueOf(entry)) this.#putDue({ ...entry })',
      to: '',
    },
    {
      name: 'a rescheduled reader is also read at its previous time',
      from: 'return this.#entries.get(entry.reader) === entry',
      to: 'return this.#entries.has(entry.reader)',
    },
  ]),
  ...inFile('src/reader/read-pump.ts', [
    {
      name: 'any number of reads are in flight',
      from: 'while (this.#inFlight < this.#options.maxConcurrentReads) {',
      to: 'for (;;) {',
    },
    {
      name: 'responses are processed after the session was stopped',
      from: 'if (!context.signal.aborted) onRead(reader, outcome, reserved.limit)',
      to: 'onRead(reader, outcome, reserved.limit)',
    },
    {
      name: 'a read that renews an iterator fetches a whole page',
      from: 'this.#renewing.delete(reader) ? 1 : Number.POSITIVE_INFINITY',
      to: 'Number.POSITIVE_INFINITY',
    },
    {
      name: 'an iterator is not renewed while memory is full',
      from: 'this.#schedule.put(reader, this.#renewing.has(reader))',
      to: 'this.#schedule.put(reader)',
    },
    {
      name: 'the time of GetRecords responses is ignored',
      from: "if (outcome.kind === 'page') this.#serviceClock.observe(outcome.page?.serviceTime, calledAt)",
      to: '',
    },
  ]),
  ...inFile('src/reader/read-shard.ts', [
    {
      name: 'a probe that fails for any reason shows that nothing is left',
      from: "if (classifyError(error) !== 'trimmed') throw error",
      to: '',
    },
    {
      name: 'the lifetime of an iterator is counted from the response',
      from: 'calledAt + ITERATOR_LIFE_MS',
      to: 'clock.monotonic() + ITERATOR_LIFE_MS',
      equivalent:
        'iterators are renewed 5 minutes before they expire and a call takes 30 s at most, so the iterator is valid either way',
    },
  ]),
  ...inFile('src/reader/token-bucket.ts', [
    {
      name: 'the bucket fills without limit during a pause',
      from: 'Math.min(BURST, bucket.tokens + earned) - 1',
      to: 'bucket.tokens + earned - 1',
    },
  ]),
  ...inFile('src/streams-api/failure-streak.ts', [
    {
      name: 'calls that fail hold up all records for an hour',
      from: 'STALLED_AFTER_MS: number = 60_000',
      to: 'STALLED_AFTER_MS: number = 3_600_000',
    },
    {
      name: 'the time that the process was suspended counts as failing',
      from: '1.5 * (CALL_TIMEOUT_MS + LONGEST_RETRY_DELAY_MS)',
      to: 'Number.POSITIVE_INFINITY',
    },
    {
      name: 'calls that wait long for their turn never count as failing',
      from: ' || streak.lastAt >= presentSince',
      to: '',
    },
  ]),
  ...inFile('src/streams-api/list-all-shards.ts', [
    {
      name: 'a stream counts as deleted after a single call',
      from: "if (classifyError(error) !== 'notFound') throw error",
      to: 'throw error',
    },
  ]),
]
