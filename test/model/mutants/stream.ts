import { inFile, type Mutant } from './mutant.ts'

export const streamMutants: readonly Mutant[] = [
  ...inFile('src/stream/delivery-queue.ts', [
    {
      name: 'records that a loop left are dropped when the first one that is delivered again is acknowledged',
      from: 'if (this.waiting > 0) this.#deliveries.splice(0, count)\n    else this.#deliveries.length = 0',
      to: 'this.#deliveries.length = 0',
    },
    {
      name: 'records that a loop left are not delivered again',
      from: 'redeliver(): void {\n    this.#unacknowledged = 0',
      to: 'redeliver(): void {\n    this.clear()',
    },
    {
      name: 'records of the former position are delivered after a move',
      from: 'clear(): void {\n    this.#deliveries.length = 0',
      to: 'clear(): void {',
    },
    {
      name: 'records that a loop left are delivered in reverse',
      from: 'this.#deliveries[this.#unacknowledged]\n',
      to: 'this.#deliveries.reverse()[this.#unacknowledged]\n',
    },
    {
      name: 'records are in the hands of a consumer while their batch is gathered',
      from: 'this.#deliveries.push(delivery)',
      to: 'this.#deliveries.push(delivery)\n    this.#unacknowledged++',
    },
  ]),
  ...inFile('src/stream/stream.ts', [
    {
      name: 'that a shard has ended is not saved',
      from: "['shardOpened', 'shardFinished'] as const",
      to: "['shardOpened'] as const",
    },
    {
      name: 'that a shard was opened is not saved',
      from: "['shardOpened', 'shardFinished'] as const",
      to: "['shardFinished'] as const",
    },
    {
      name: 'records in hand stay in hand after a move',
      from: 'this.#deliveries.clear()\n',
      to: '\n',
    },
    {
      name: 'an error of the former position is thrown after a move',
      from: 'this.#deliveries.clear()\n      this.#pendingError = undefined\n',
      to: 'this.#deliveries.clear()\n',
    },
    {
      name: 'a move is dropped when the next stream of the table is found',
      from: 'await abortable(Promise.allSettled(this.#moves), left).catch(() => {})',
      to: '',
    },
    {
      name: 'a move does not end the wait for the next stream of the table',
      from: '      this.#following?.abort()\n',
      to: '',
    },
    {
      name: 'a move is not saved',
      from: 'this.#moves.delete(move)\n    }\n    this.#checkpointer?.positionChanged()',
      to: 'this.#moves.delete(move)\n    }',
    },
    {
      name: 'the start is not waited to be saved',
      from: 'await this.#checkpointer.flush(this.#parts.signal)\n    } catch',
      to: '} catch',
    },
    {
      name: 'a stream whose start could not be saved goes on saving',
      from: '      this.#checkpointer.stop()\n',
      to: '',
    },
    {
      name: 'a client is not destroyed when the last save fails',
      from: 'this.#parts.dispose()\n    await this.#checkpointer?.close()',
      to: 'await this.#checkpointer?.close()\n    this.#parts.dispose()',
    },
    {
      name: 'heartbeats go on after the stream was closed',
      from: 'this.#stopHeartbeats()\n    this.#closingSignal.abort()\n    await',
      to: 'this.#closingSignal.abort()\n    await',
    },
    {
      name: 'a signal without a loop does not save the last checkpoint',
      from: 'if (!this.#lock.isPending && this.#deliveries.unacknowledged === 0) this.close().catch(() => {})',
      to: '',
    },
    {
      name: 'the last checkpoint is saved before the record in hand is done',
      from: 'if (!this.#lock.isPending && this.#deliveries.unacknowledged === 0) this.close()',
      to: 'if (!this.#lock.isPending) this.close()',
    },
    {
      name: 'records before an error are not delivered with their batch',
      from: 'if (this.#deliveries.waiting === 0) throw error',
      to: 'throw error',
    },
    {
      name: 'a batch before an error waits to be filled',
      from: 'now < batch.completeAt && !this.#pendingError &&',
      to: 'now < batch.completeAt &&',
    },
    {
      name: 'the last batch of a stream waits to be filled',
      from: '!this.#pendingError && !this.#coordinator.ended) return undefined',
      to: '!this.#pendingError) return undefined',
    },
    {
      name: 'a batch is timed from the one before it',
      from: 'batch.completeAt = undefined\n    return',
      to: 'return',
    },
    {
      name: 'records are delivered after the stream was closed',
      from: 'if (this.#isClosed) return undefined\n    if (this.#deliveries.waiting',
      to: 'if (this.#deliveries.waiting',
    },
    {
      name: 'a loop goes on after another worker took the checkpoint',
      from: 'this.#thrown = checkpointer.failure\n      throw checkpointer.failure',
      to: '',
    },
    {
      name: 'an error of a batch that was left is thrown in the next loop',
      from: 'this.#deliveries.redeliver()\n    this.#pendingError = undefined\n',
      to: 'this.#deliveries.redeliver()\n',
    },
    {
      name: 'a loop that is left does not save',
      from: 'else if (!this.#isClosed) await this.#checkpointer?.flush()',
      to: '',
    },
    {
      name: 'a loop that is left after the signal aborted does not close the stream',
      from: 'if (this.#parts.signal?.aborted) await this.#closeOnce()\n    else if',
      to: 'if',
    },
    {
      name: 'a stream that has ended does not deliver what a loop left',
      from: 'this.#coordinator.ended && this.#deliveries.waiting === 0',
      to: 'this.#coordinator.ended',
    },
    {
      name: 'that the next stream of the table is read is not saved',
      from: 'await former.close()\n    this.#checkpointer?.positionChanged()',
      to: 'await former.close()',
    },
    {
      name: 'close throws what a loop has thrown',
      from: 'if (error !== this.#thrown) throw error',
      to: 'throw error',
    },
    {
      name: 'iterators are not renewed',
      from: 'this.heartbeat().catch(() => {})',
      to: '',
    },
  ]),
  ...inFile('src/stream/record-iterator.ts', [
    {
      name: 'a loop that is left while it waits waits on',
      from: '      left.abort()\n',
      to: '',
    },
    {
      name: 'an iterator that was left delivers more records',
      from: '      isOver = true\n      left.abort()',
      to: '      left.abort()',
    },
    {
      name: 'a second call of next is accepted while one is pending',
      from: "if (reading.isPending) return busy('next() was called again while a call of it is pending.')",
      to: '',
    },
    {
      name: 'a second loop is accepted',
      from: "this.#holder === reading ? undefined : busy('Another loop is reading this stream.')",
      to: 'undefined',
    },
    {
      name: 'a pool whose workers share an iterator is not noticed while records are buffered',
      from: 'const value = hasBegun ? source.nextValue() : undefined',
      to: 'const value = source.nextValue()',
    },
    {
      name: 'a loop that has thrown keeps the next one out',
      from: '      lock.release(reading)\n      throw error',
      to: '      throw error',
    },
    {
      name: 'a loop that is closing keeps the next one out',
      from: 'lock.release(reading)\n      await source.onEnd()',
      to: 'await source.onEnd()\n      lock.release(reading)',
    },
  ]),
  ...inFile('src/stream/open-stream.ts', [
    {
      name: 'the start of a stream is not saved',
      from: 'if (held?.saved === undefined) await stream.saveStart()',
      to: '',
    },
    {
      name: 'a client is not destroyed when opening fails',
      from: '    opening.tables?.close()\n    if (held)',
      to: '    if (held)',
    },
  ]),
  ...inFile('src/stream/connect-timeout.ts', [
    {
      name: 'opening is given up though the service has answered with an error',
      from: 'isAnswered ||= isAnswer(error)',
      to: '',
    },
    {
      name: 'opening is given up though a listing was answered',
      from: 'if (isAnswered || hasAnswer()) return',
      to: 'if (isAnswered) return',
    },
    {
      name: 'opening goes on for ever',
      from: 'if (timeoutMs === 0) return connect(signal)',
      to: 'if (timeoutMs >= 0) return connect(signal)',
    },
  ]),
  ...inFile('src/stream/resume.ts', [
    {
      name: 'a checkpoint of a stream that is gone continues at the latest stream',
      from: 'connect(opening, next ?? latest,',
      to: 'connect(opening, next && latest,',
    },
    {
      name: 'that the stream of a checkpoint is gone is not reported as a gap',
      from: "opening.events.emit('gap', { shardId, after, reason: 'shard-vanished' })",
      to: '',
    },
  ]),
  ...inFile('src/stream/table-streams.ts', [
    {
      name: 'a stream between two is skipped',
      from: 'later.sort((a, b) => enabledAt(a) - enabledAt(b))[0]',
      to: 'later.sort((a, b) => enabledAt(b) - enabledAt(a))[0]',
    },
  ]),
]
