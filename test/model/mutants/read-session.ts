import { inFile, type Mutant } from './mutant.ts'

export const readSessionMutants: readonly Mutant[] = [
  ...inFile('src/coordinator/read-session.ts', [
    {
      name: 'records of a page without a next iterator are dropped',
      from: 'this.buffer.push(reader.queue, {',
      to: 'if (page.nextIterator !== undefined) this.buffer.push(reader.queue, {',
    },
    {
      name: 'newer records are delivered before a shard with a backlog is read',
      from: '(this.#mayPrecede(queue.headTime) && !this.#errors.isStreamGone)',
      to: 'false',
    },
    {
      name: 'newer records are delivered before the children of an ended shard are looked up',
      from: ' || this.#discovery.mayPrecede(time)',
      to: '',
    },
    {
      name: 'a disabled stream has ended although some of its shards are still unread',
      from: 'return this.#discovery.isOver && this.#sequencer.isFinished',
      to: 'return this.#discovery.isOver',
    },
    {
      name: 'parents that only a token names are not waited for',
      from: 'this.forest.updateHiddenParents(listedAt, clock.monotonic(), serviceClock.now())',
      to: '',
    },
    {
      name: 'buffered records of a deleted stream wait for others',
      from: '(this.#mayPrecede(queue.headTime) && !this.#errors.isStreamGone)',
      to: 'this.#mayPrecede(queue.headTime)',
    },
    {
      name: 'a reader waits for ever when it stops in the middle of settled records',
      from: '        this.#hasMoreToSkip = true\n',
      to: '',
    },
    {
      name: 'the counter of lost entries forgets finished shards',
      from: 'this.#lostUnsettled += reader.node.ledger.lostUnsettled',
      to: '',
    },
    {
      name: 'caughtUp is emitted only once',
      from: 'this.#hasReportedCaughtUp = false\n      const delivery',
      to: 'const delivery',
    },
    {
      name: 'a shard that failed is never read again',
      from: 'for (const reader of this.#errors.takeStopped()) this.#pump.schedule(reader, now)',
      to: '',
    },
    {
      name: 'a listing that failed is never repeated',
      from: 'this.#discovery.resume()',
      to: '',
    },
    {
      name: 'shards count as at their tip after any pause',
      from: 'reader.invalidateTip(this.#pump.reads)',
      to: '',
    },
    {
      name: 'an end check that started before a pause is waited for after it',
      from: "reader.phase === 'scheduled' || reader.phase === 'checkingEnd'",
      to: "reader.phase === 'scheduled'",
    },
    {
      name: 'a poll round waits for shards whose records are held back',
      from: '!isHeld && !isStalled && phase',
      to: '!isStalled && phase',
    },
    {
      name: 'next() returns undefined before a shard that was just opened is read for the first time',
      from: 'if (this.buffer.next !== undefined || this.#blocking.size > 0) return false',
      to: 'if (this.buffer.next !== undefined) return false',
    },
    {
      name: 'next() returns undefined before the children of an ended shard are looked up',
      from: 'return isPolled(round) && !this.#discovery.isAwaited',
      to: 'return isPolled(round)',
    },
    {
      name: 'a heartbeat reads shards that have buffered records',
      from: 'if (reader.queue.length > 0) reader.dropIterator()\n      else remaining.push(reader)',
      to: 'remaining.push(reader)',
    },
    {
      name: 'a heartbeat renews iterators only when they have expired',
      from: 'iteratorExpiresAt <= now + RENEW_BEFORE_EXPIRY_MS',
      to: 'iteratorExpiresAt <= now',
    },
    {
      name: 'a heartbeat waits until a failing shard has recovered',
      from: 'if (reader.isFailing || !expiresSoon(reader)) remaining.pop()',
      to: 'if (!expiresSoon(reader)) remaining.pop()',
    },
    {
      name: 'a heartbeat waits until a shard without an iterator has a new one',
      from: 'iteratorExpiresAt !== undefined && iteratorExpiresAt <= now',
      to: '(iteratorExpiresAt ?? 0) <= now',
    },
    {
      name: 'a heartbeat waits until each shard has reached its tip',
      from: 'if (reader.isFailing || !expiresSoon(reader)) remaining.pop()',
      to: 'if (reader.isFailing || (!expiresSoon(reader) && reader.atTip)) remaining.pop()',
    },
    {
      name: 'all trimmed records of the children of an expired shard are a gap',
      from: 'for (const child of node.children) if (!this.#sequencer.wasWhole(child)) child.mustBeComplete = false',
      to: '',
    },
    {
      name: 'trimmed records of young children of an expired shard are not a gap',
      from: 'if (!this.#sequencer.wasWhole(child)) child.mustBeComplete = false',
      to: 'child.mustBeComplete = false',
    },
    {
      name: 'each shard that is not found causes its own DescribeStream call',
      from: 'this.#streamCheck ??= checkStreamExists',
      to: 'this.#streamCheck = checkStreamExists',
    },
    {
      name: 'an expired shard stays open',
      from: 'reader.node.closed = true',
      to: '',
      equivalent: 'the shard is finished right afterwards, and only the children of a finished shard matter',
    },
    {
      name: 'a deleted stream is reported with the error of the SDK',
      from: "if (classifyError(error) === 'notFound') this.#errors.streamGone(error)\n    else this.#errors",
      to: 'this.#errors',
    },
    {
      name: 'caughtUp is emitted with records in the buffer',
      from: 'if (this.buffer.length > 0 || this.#blocking.size > 0) return',
      to: '',
    },
    {
      name: 'the search continues after a listing shows the shard as open',
      from: 'if (isListedAsOpen) this.#discovery.stopSearch(node)',
      to: '',
    },
    {
      name: 'children of an expired shard are looked up',
      from: 'if (!node.expired) this.#discovery.search(node, true)',
      to: 'this.#discovery.search(node, true)',
      equivalent:
        'it causes only one more listing, which shows that the shard has expired and ends the search',
    },
    {
      name: 'a consumer that has been waiting for long counts as away',
      from: 'if (this.#waiting > 0) this.#noticeConsumer(now)',
      to: '',
    },
    {
      name: 'a shard that fails counts as caught up',
      from: 'if (reader.atTip && !reader.isFailing) this.#behind',
      to: 'if (reader.atTip) this.#behind',
    },
    {
      name: 'shards are read and listed while the consumer stays away',
      from: 'if (!this.#wakeTimer.isAwaited && this.#presence.isAway(now)) return',
      to: '',
    },
    {
      name: 'a waiting caller is not woken when DescribeStream fails',
      from: 'onChanged: () => this.#changed()',
      to: 'onChanged: () => this.#run()',
    },
    {
      name: 'times of DynamoDB Local count as truncated to the second',
      from: '? 60_000 : 1_000',
      to: '? 1_000 : 1_000',
    },
  ]),
  ...inFile('src/coordinator/consumer-presence.ts', [
    {
      name: 'the time that a machine was asleep does not count as a pause',
      from: 'const wasSuspended = wall - last.wall - pauseMs >= CONSUMER_AWAY_MS',
      to: 'const wasSuspended = false && wall > 0',
    },
  ]),
  ...inFile('src/coordinator/blocking-errors.ts', [
    {
      name: 'an error that arrived before the caller came back is thrown as well',
      from: 'if (!this.#isThrown) this.#failure ??=',
      to: 'this.#failure ??=',
    },
    {
      name: 'an error is thrown at every call',
      from: 'this.#failure = undefined\n',
      to: '\n',
    },
  ]),
  ...inFile('src/coordinator/wake-timer.ts', [
    {
      name: 'the timer stays set when the last caller leaves',
      from: 'if (!this.isAwaited) this.cancel()',
      to: '',
    },
    {
      name: 'a timer is set although no caller waits',
      from: 'const at = this.isAwaited ? dueAt : Number.POSITIVE_INFINITY',
      to: 'const at = dueAt',
    },
  ]),
  ...inFile('src/coordinator/blocking-readers.ts', [
    {
      name: 'a shard that no longer blocks still holds up the merge',
      from: 'if (this.#readers.delete(reader)) this.#earliest = undefined',
      to: 'this.#readers.delete(reader)',
    },
    {
      name: 'a shard that starts to block the merge is ignored if another one blocks it already',
      from: 'if (this.#earliest !== undefined) this.#earliest = Math.min(this.#earliest, reader.node.reachedTime)',
      to: '',
    },
  ]),
]
