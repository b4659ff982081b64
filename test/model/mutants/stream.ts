import { inFile, type Mutant } from './mutant.ts'

export const streamMutants: readonly Mutant[] = [
  ...inFile('src/stream/delivery-queue.ts', [
    {
      name: 'records of an abandoned loop are dropped when the first redelivered one is acknowledged',
      from: 'if (this.waiting > 0) this.#deliveries.splice(0, count)\n    else this.#deliveries.length = 0',
      to: 'this.#deliveries.length = 0',
    },
    {
      name: 'records of an abandoned loop are not redelivered',
      from: 'redeliver(): void {\n    this.#unacknowledged = 0',
      to: 'redeliver(): void {\n    this.clear()',
    },
    {
      name: 'records from the previous position are delivered after a move',
      from: 'clear(): void {\n    this.#deliveries.length = 0',
      to: 'clear(): void {',
    },
    {
      name: 'records of an abandoned loop are redelivered in reverse order',
      from: 'this.#deliveries[this.#unacknowledged]\n',
      to: 'this.#deliveries.reverse()[this.#unacknowledged]\n',
    },
    {
      name: 'records count as returned to the consumer while their batch is being collected',
      from: 'this.#deliveries.push(delivery)',
      to: 'this.#deliveries.push(delivery)\n    this.#unacknowledged++',
    },
  ]),
  ...inFile('src/stream/stream.ts', [
    {
      name: 'the checkpoint is not saved after a shard has ended',
      from: "['shardOpened', 'shardFinished'] as const",
      to: "['shardOpened'] as const",
    },
    {
      name: 'the checkpoint is not saved after a shard was opened',
      from: "['shardOpened', 'shardFinished'] as const",
      to: "['shardFinished'] as const",
    },
    {
      name: 'unacknowledged records remain unacknowledged after a move',
      from: 'this.#deliveries.clear()\n',
      to: '\n',
    },
    {
      name: 'an error from the previous position is thrown after a move',
      from: 'this.#deliveries.clear()\n      this.#pendingError = undefined\n',
      to: 'this.#deliveries.clear()\n',
    },
    {
      name: 'openStream does not wait until the start position is saved',
      from: 'await this.#checkpointer.flush(this.#parts.signal)\n    } catch',
      to: '} catch',
    },
    {
      name: 'a stream whose start position could not be saved continues to save',
      from: '      this.#checkpointer.stop()\n',
      to: '',
    },
    {
      name: 'a client is not destroyed when the last save fails',
      from: 'this.#parts.dispose()\n    await this.#checkpointer?.close()',
      to: 'await this.#checkpointer?.close()\n    this.#parts.dispose()',
    },
    {
      name: 'heartbeats continue after the stream was closed',
      from: 'this.#stopHeartbeats()\n    this.#run?.stop()',
      to: 'this.#run?.stop()',
    },
    {
      name: 'an abort without a running loop does not save the last checkpoint',
      from: 'if (!this.#lock.isPending && this.#deliveries.unacknowledged === 0) this.close().catch(() => {})',
      to: '',
    },
    {
      name: 'the last checkpoint is saved before the current record is acknowledged',
      from: 'if (!this.#lock.isPending && this.#deliveries.unacknowledged === 0) this.close()',
      to: 'if (!this.#lock.isPending) this.close()',
    },
    {
      name: 'records before an error are not delivered with their batch',
      from: 'if (this.#deliveries.waiting === 0) throw error',
      to: 'throw error',
    },
    {
      name: 'a batch before an error waits for more records',
      from: 'now < batch.completeAt && !this.#pendingError &&',
      to: 'now < batch.completeAt &&',
    },
    {
      name: 'the last batch of a stream waits for more records',
      from: '!this.#pendingError && !this.#current.hasEnded) return undefined',
      to: '!this.#pendingError) return undefined',
    },
    {
      name: 'the wait of a batch starts with the previous batch',
      from: 'batch.completeAt = undefined\n    return',
      to: 'return',
    },
    {
      name: 'records are delivered after the stream was closed',
      from: 'if (this.#isClosed || !mayDeliver) return undefined\n    if (this.#deliveries.waiting',
      to: 'if (!mayDeliver) return undefined\n    if (this.#deliveries.waiting',
    },
    {
      name: 'a loop continues after another worker has acquired the checkpoint',
      from: 'this.#thrown = checkpointer.failure\n      throw checkpointer.failure',
      to: '',
    },
    {
      name: 'an error of an abandoned batch is thrown in the next loop',
      from: 'this.#deliveries.redeliver()\n    this.#pendingError = undefined\n',
      to: 'this.#deliveries.redeliver()\n',
    },
    {
      name: 'leaving a loop does not save the checkpoint',
      from: 'else if (!this.#isClosed) await this.#checkpointer?.flush()',
      to: '',
    },
    {
      name: 'leaving a loop after the signal has aborted does not close the stream',
      from: 'if (this.#parts.signal?.aborted) await this.#closeOnce()\n    else if',
      to: 'if',
    },
    {
      name: 'a stream that has ended does not redeliver the records of an abandoned loop',
      from: 'this.#current.hasEnded && this.#deliveries.waiting === 0',
      to: 'this.#current.hasEnded',
    },
    {
      name: 'close() throws an error that a loop has already thrown',
      from: 'if (error !== this.#thrown) throw error',
      to: 'throw error',
    },
    {
      name: 'an attached run cannot be closed by the stream',
      from: '    this.#run?.stop()\n',
      to: '',
    },
    {
      name: 'the last checkpoint is saved before an attached run has drained',
      from: '    await this.#run?.finished\n',
      to: '',
    },
    {
      name: 'closing a stream waits for a run that has detached',
      from: 'Promise.race([ended, detached])',
      to: 'ended',
    },
    {
      name: 'closing a stream waits for a run that has ended without detaching',
      from: 'Promise.race([ended, detached])',
      to: 'detached',
    },
    {
      name: 'a move is possible while a run reads the stream',
      from: "    this.#lock.throwIfRunIsReading('call moveTo')\n",
      to: '',
    },
    {
      name: 'a run can start while a move is in flight',
      from: 'this.#lock.acquireForRun(this.#current.isMoving)',
      to: 'this.#lock.acquireForRun(false)',
    },
    {
      name: 'close() throws an error that a run has already reported',
      from: 'onThrown: (error) => {\n        this.#thrown = error',
      to: 'onThrown: () => {',
    },
    {
      name: 'the stream stays busy after a run has detached',
      from: '        this.#lock.releaseRun()\n',
      to: '',
    },
    {
      name: 'iterators are not renewed',
      from: 'this.heartbeat().catch(() => {})',
      to: '',
    },
  ]),
  ...inFile('src/stream/record-source.ts', [
    {
      name: 'a run takes records although the lease was lost',
      from: '      lost.throwIfAborted()\n',
      to: '',
    },
    {
      name: 'a run takes records after it has detached',
      from: 'isDetached || current.isClosed',
      to: 'current.isClosed',
    },
    {
      name: 'a run that takes from a closed stream rejects',
      from: 'isDetached || current.isClosed',
      to: 'isDetached',
    },
    {
      name: 'a run does not receive the records of an abandoned loop',
      from: 'redelivered.pop() ?? current.takeAvailable()',
      to: 'current.takeAvailable()',
    },
    {
      name: 'a run waits although redelivered records are available',
      from: '!isOver() && !hasRedelivered() && !current.hasEnded',
      to: '!isOver() && !current.hasEnded',
    },
    {
      name: 'a stream has ended for a run although redelivered records are available',
      from: 'isOver() || (!hasRedelivered() && current.hasEnded)',
      to: 'isOver() || current.hasEnded',
    },
    {
      name: 'records that a run has settled are redelivered',
      from: 'if (!delivery.isSettled) deliveries.add(delivery)',
      to: 'deliveries.add(delivery)',
    },
    {
      name: 'redelivered records that a run has not taken are lost when it detaches',
      from: '      for (const delivery of redelivered.reverse()) deliveries.add(delivery)\n',
      to: '',
    },
    {
      name: 'a run that detaches twice releases the lock of the next run',
      from: '      if (isDetached) return\n',
      to: '',
    },
    {
      name: 'a failed save of a run is thrown again by close()',
      from: '        parts.onThrown(error)\n',
      to: '',
    },
    {
      name: 'a lost lease is thrown again by close() although the run has reported it',
      from: "lost.addEventListener('abort', onLost, { once: true })",
      to: '{}',
    },
  ]),
  ...inFile('src/stream/current-stream.ts', [
    {
      name: 'a move is lost when the next stream of the table is found',
      from: 'await abortable(Promise.allSettled(this.#moves), signal).catch(() => {})',
      to: '',
    },
    {
      name: 'a move does not end the wait for the next stream of the table',
      from: '      this.#following?.abort()\n',
      to: '',
    },
    {
      name: 'the checkpoint is not saved after a move',
      from: 'this.#moves.delete(move)\n    }\n    this.#parts.onPositionChanged()',
      to: 'this.#moves.delete(move)\n    }',
    },
    {
      name: 'the checkpoint is not saved when the next stream of the table is opened',
      from: 'await previous.close()\n    this.#parts.onPositionChanged()',
      to: 'await previous.close()',
    },
  ]),
  ...inFile('src/stream/record-iterator.ts', [
    {
      name: 'a loop that is left while it is waiting continues to wait',
      from: '      returned.abort()\n',
      to: '',
    },
    {
      name: 'an iterator that was left delivers more records',
      from: '      isOver = true\n      returned.abort()',
      to: '      returned.abort()',
    },
    {
      name: 'a second call of next() is accepted while one is pending',
      from: 'if (reading.isPending) {',
      to: 'if (false) {',
    },
    {
      name: 'a second loop is accepted',
      from: 'if (this.#holder === reading) return undefined',
      to: 'return undefined',
    },
    {
      name: 'workers that share an iterator are not detected while records are buffered',
      from: 'const value = hasStarted ? source.nextValue() : undefined',
      to: 'const value = source.nextValue()',
    },
    {
      name: 'a loop that has thrown blocks the next one',
      from: '      lock.release(reading)\n      throw error',
      to: '      throw error',
    },
    {
      name: 'a loop that is closing blocks the next one',
      from: 'lock.release(reading)\n      await source.onEnd()',
      to: 'await source.onEnd()\n      lock.release(reading)',
    },
  ]),
  ...inFile('src/stream/open-stream.ts', [
    {
      name: 'the start position of a stream is not saved',
      from: 'if (leased?.saved === undefined) await stream.saveStart()',
      to: '',
    },
    {
      name: 'a client is not destroyed when opening fails',
      from: '    context.tables?.close()\n    if (leased)',
      to: '    if (leased)',
    },
  ]),
  ...inFile('src/stream/connect-timeout.ts', [
    {
      name: 'openStream times out although the service has returned an error',
      from: 'hasResponded ||= isResponse(error)',
      to: '',
    },
    {
      name: 'openStream times out although the shards have been listed',
      from: 'if (hasResponded || hasResponse()) return',
      to: 'if (hasResponded) return',
    },
    {
      name: 'openStream never times out',
      from: 'if (timeoutMs === 0) return connect(signal)',
      to: 'if (timeoutMs >= 0) return connect(signal)',
    },
  ]),
  ...inFile('src/stream/resume.ts', [
    {
      name: 'reading continues with the latest stream if the stream of the checkpoint no longer exists',
      from: 'connect(context, next ?? latest,',
      to: 'connect(context, next && latest,',
    },
    {
      name: 'no gap is reported if the stream of the checkpoint no longer exists',
      from: "context.events.emit('gap', { shardId, after, reason: 'shard-vanished' })",
      to: '',
    },
  ]),
  ...inFile('src/stream/table-streams.ts', [
    {
      name: 'a stream between two others is skipped',
      from: 'later.sort((a, b) => enabledAt(a) - enabledAt(b))[0]',
      to: 'later.sort((a, b) => enabledAt(b) - enabledAt(a))[0]',
    },
  ]),
]
