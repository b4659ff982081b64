import { inFile, type Mutant } from './mutant.ts'

export const checkpointerMutants: readonly Mutant[] = inFile('src/checkpoints/checkpointer.ts', [
  {
    name: 'records processed during a save do not count towards the next one',
    from: '    this.#newRecords = 0\n    try {\n      await lease.save(token)',
    to: '    try {\n      await lease.save(token)\n      this.#newRecords = 0',
  },
  {
    name: 'changes during a save count as saved',
    from: 'this.#savedRevision = revision\n',
    to: 'this.#savedRevision = this.#revision\n',
  },
  {
    name: 'a checkpoint is saved one record late',
    from: 'this.#newRecords >= this.#options.everyRecords',
    to: 'this.#newRecords > this.#options.everyRecords',
  },
  {
    name: 'a large token is saved by the number of records',
    from: 'this.#newRecords >= this.#options.everyRecords && !this.#isLarge',
    to: 'this.#newRecords >= this.#options.everyRecords',
  },
  {
    name: 'a lost lease is not reported to a run',
    from: '    this.#lost.abort(this.#failure)\n',
    to: '',
  },
  {
    name: 'two saves are in flight at the same time',
    from: 'if (this.#isSaving || this.#isStopped ||',
    to: 'if (this.#isStopped ||',
  },
  {
    name: 'a flush waits for the retry delay of a failed save',
    from: 'this.#retryNow?.()\n    this.#schedule()',
    to: 'this.#schedule()',
  },
  {
    name: 'a save does not reset the timer of the next save',
    from: '    this.#cancelTimer?.()\n    this.#cancelTimer = undefined\n    try {',
    to: '    this.#cancelTimer?.()\n    try {',
  },
  {
    name: 'a conflict is retried',
    from: "if (isStreamError(error, 'checkpoint.conflict')) throw error",
    to: '',
  },
  {
    name: 'a closed checkpointer continues to save',
    from: 'this.stop()\n      await releaseCheckpoint',
    to: 'await releaseCheckpoint',
  },
  {
    name: 'a failed flush is repeated when the stream is closed',
    from: 'if (error && revision === this.#revision && this.#failure === undefined) throw error\n',
    to: '',
  },
  {
    name: 'a lost lease is noticed only at the next save',
    from: "lost.addEventListener('abort', () => this.fail(lost.reason), { once: true })",
    to: '{}',
  },
  {
    name: 'the lease is not released',
    from: 'await releaseCheckpoint(this.#options.lease, this.#options.clock)',
    to: '',
  },
])
