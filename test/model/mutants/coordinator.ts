import { inFile, type Mutant } from './mutant.ts'

export const coordinatorMutants: readonly Mutant[] = [
  ...inFile('src/coordinator/coordinator.ts', [
    {
      name: 'the slowest of several moves takes effect',
      from: 'if (this.isClosed || move < this.#currentMove) {',
      to: 'if (this.isClosed) {',
    },
    {
      name: 'reading at the previous position continues after a move',
      from: 'this.#session?.stop(closed())\n    this.#session = session',
      to: 'this.#session = session',
    },
    {
      name: 'a move takes effect before dependent state is cleared',
      from: 'this.#session = session\n    onMoved()',
      to: 'this.#session = session\n    queueMicrotask(onMoved)',
      equivalent:
        'no record can be delivered before that: the buffer of a new session is empty until the first call',
    },
    {
      name: 'concurrent calls of next overtake each other',
      from: 'if (this.#calls.isIdle) {',
      to: 'if (this.streamArn !== undefined) {',
    },
    {
      name: 'a caller counts as waiting after its call has resolved',
      from: '} finally {\n        session.endRound()\n      }',
      to: '} finally {\n      }',
      equivalent:
        'every shard of the round was polled, and a later one is polled at most once more after the shortest pause',
    },
    {
      name: 'the children of a finished shard are not roots',
      from: "(parent === undefined || parent.state === 'finished')",
      to: 'parent === undefined',
    },
    {
      name: 'shards whose records are held back count as active',
      from: '.filter(({ isHeld }) => !isHeld)',
      to: '',
    },
  ]),
  ...inFile('src/coordinator/frontier.ts', [
    {
      name: 'a finished shard leaves the token before its children are started',
      from: 'return node.expired || node.children.some',
      to: 'return true || node.children.some',
    },
    {
      name: 'a finished shard leaves the token although a record of it is not acknowledged',
      from: "node.state !== 'finished' || node.ledger.hasUnsettled",
      to: "node.state !== 'finished'",
    },
    {
      name: 'an expired shard stays in the token',
      from: 'return node.expired || node.children.some',
      to: 'return node.children.some',
    },
    {
      name: 'a skipped shard is not marked as skipped in the token',
      from: "isSkipped ? 'skipped' : undefined",
      to: 'undefined',
    },
    {
      name: 'a shard with a record that is not acknowledged is marked as skipped',
      from: "!node.ledger.hasUnsettled && node.state === 'finished' && isSince(at)",
      to: "node.state === 'finished' && isSince(at)",
    },
    {
      name: 'a pending shard with a requested time is missing from the token',
      from: 'if (!node.isStarted) return this.#pendingToken(node)',
      to: 'if (!node.isStarted) return undefined',
    },
    {
      name: 'a pending shard relies on its parent although the token does not name the parent',
      from: '(parent && !isSuperseded(parent))',
      to: 'parent',
    },
  ]),
  ...inFile('src/coordinator/start-session.ts', [
    {
      name: 'a future time that passes while iterators are opened is read from LATEST',
      from: 'return position.since > now + tookMs + FUTURE_MS',
      to: 'return position.since > now - tookMs - 1e15',
    },
    {
      name: 'shards newer than a token count as known to it',
      from: 'isTimed ? newestShardOf(position.token) : now',
      to: 'now',
    },
    {
      name: 'records dated slightly before a LATEST request are dropped',
      from: 'truncatedToSecond(now - LATEST_OVERLAP_MS)',
      to: 'truncatedToSecond(now)',
    },
    {
      name: 'latest starts at the end of the listing',
      from: 'serviceClock.now() - (clock.monotonic() - calledAt)',
      to: 'serviceClock.now()',
    },
    {
      name: 'latest uses a clock that is ahead',
      from: 'truncatedToSecond(now - LATEST_OVERLAP_MS)',
      to: 'truncatedToSecond(now - LATEST_OVERLAP_MS + 2_000)',
    },
  ]),
  ...inFile('src/coordinator/shard-sequencer.ts', [
    {
      name: 'children that are listed after their parent was finished are not read',
      from: 'if (hasStartedDescendant(node)) this.#finishIfBeforePosition(node)',
      to: "if (hasStartedDescendant(node) || forest.parentOf(node)?.state === 'finished') this.#finishIfBeforePosition(node)",
    },
    {
      name: 'a shard is opened again when it is planned again',
      from: "    this.#unread.delete(node)\n    node.state = 'reading'",
      to: "    node.state = 'reading'",
    },
    {
      name: 'children of shards that a token names as finished are not looked up',
      from: 'this.#advance(finished)',
      to: '',
    },
    {
      name: 'a new child does not start at the position from its parent',
      from: 'node.start = parent && !unknown.has(parent) ? parent.childStart : this.#newShardStart',
      to: 'node.start = this.#newShardStart',
      equivalent: 'the start of a child with a known parent is determined again when it is opened',
    },
    {
      name: 'a shard is read before the page of the listing that may show its parent',
      from: 'if (this.#unread.has(node) && !forest.missingParentOf(node)) this.#plan(node)',
      to: 'if (this.#unread.has(node)) this.#plan(node)',
    },
    {
      name: 'a listing does not release a shard that is held back',
      from: 'for (const node of [...this.#held]) this.#releaseIfFree(node)',
      to: '',
    },
    {
      name: 'an empty shard that is held back finishes before its parent',
      from: 'if (reader.queue.length === 0 && !reader.isHeld) this.finish(reader)',
      to: 'if (reader.queue.length === 0) this.finish(reader)',
    },
    {
      name: 'a shard that waits for a shard between two shards of a token is not read',
      from: "else if (child.state === 'finished' && node.state === 'finished') reached.add(child)",
      to: '',
    },
    {
      name: 'only the parent of a started shard counts as before the position, not its ancestors',
      from: 'before = this.#options.forest.parentOf(before)',
      to: 'before = undefined',
    },
    {
      name: 'a parent that was trimmed before it was listed is not a gap',
      from: 'this.#noticeTrimmedParent(node)',
      to: '',
    },
    {
      name: 'a parent that is older than the position is a gap',
      from: 'if (createdAt === undefined || createdAt <= this.#newestKnown - SERVICE_TIME_STEP_MS) return',
      to: '',
    },
    {
      name: 'a parent that was read and forgotten is a gap',
      from: "if (!missing || missing.state === 'read') return",
      to: 'if (!missing) return',
    },
    {
      name: 'a shard whose parent was read need not be complete',
      from: "if (node.start === 'start' && isWhole) node.mustBeComplete = true",
      to: '',
    },
    {
      name: 'a child that was whole when trim_horizon was requested need not be complete',
      from: 'parent.fetched !== undefined || this.wasWhole(node)',
      to: 'parent.fetched !== undefined',
    },
    {
      name: 'a child starts at the requested time although its parent had records of that time',
      from: "if (reader && reader.since === undefined) return 'start'",
      to: '',
    },
    {
      name: 'a child that was whole when trim_horizon was requested starts at its oldest retained record',
      from: "start !== 'start' && start.since === OLDEST_RETAINED.since && this.wasWhole(child)",
      to: 'false',
    },
    {
      name: 'a child is merged by its own times although its parent has reached a later one',
      from: 'reader.queue.raiseReachedTime(forest.parentOf(node)?.reachedTime ?? Number.NEGATIVE_INFINITY)',
      to: '',
    },
    {
      name: 'an empty shard that was read while it was held back never finishes',
      from: "if (node.state === 'fetched' && reader.queue.length === 0) this.finish(reader)",
      to: '',
    },
  ]),
  ...inFile('src/coordinator/lag.ts', [
    {
      name: 'buffered records do not count in the lag',
      from: 'if (queue.length > 0) return queue.headTime',
      to: '',
    },
    {
      name: 'the lag of a failing shard at its tip is 0',
      from: '(atTip && isPolled && !isFailing)',
      to: '(atTip && isPolled)',
    },
    {
      name: 'the lag of a shard that is not polled is 0',
      from: '(atTip && isPolled && !isFailing)',
      to: '(atTip && !isFailing)',
    },
    {
      name: 'records that are not acknowledged do not count in the lag',
      from: 'Math.min(readUpTo, unacknowledgedAt ?? readUpTo)',
      to: 'readUpTo',
    },
  ]),
  ...inFile('src/coordinator/open-at-latest.ts', [
    {
      name: 'a permanent error of a LATEST request is ignored',
      from: "if (!['trimmed', 'notFound'].includes(classifyError(error))) throw error",
      to: '',
    },
    {
      name: 'a shard that cannot be opened with LATEST makes the move fail',
      from: "if (!['trimmed', 'notFound'].includes(classifyError(error))) throw error",
      to: 'throw error',
    },
  ]),
  ...inFile('src/core/service-clock.ts', [
    {
      name: 'a local clock that is ahead of the service is not corrected',
      from: 'offsetMs < min || offsetMs > max ? min : offsetMs',
      to: 'offsetMs < min ? min : offsetMs',
    },
    {
      name: 'the time in a response counts from when it arrived',
      from: 'isBounded ? dateMs + TRUNCATED_MS - calledAt',
      to: 'isBounded ? dateMs + TRUNCATED_MS - receivedAt',
    },
    {
      name: 'a response to a call during which the machine slept sets the clock back',
      from: 'this.#offsetMs === undefined || calledAt > this.#steppedAt',
      to: 'true',
    },
    {
      name: 'the latest possible time ignores that the clock may be late after a sleep',
      from: 'Math.max(this.now(), this.#clock.now() + this.#wallOffsetMs)',
      to: 'this.now()',
    },
    {
      name: 'the clock of the service follows the wall clock',
      from: 'this.#offsetMs === undefined ? this.#clock.now() : this.#clock.monotonic() + this.#offsetMs',
      to: 'this.#clock.now()',
    },
  ]),
]
