import { inFile, type Mutant } from './mutant.ts'

const parking = inFile('src/processing/parking.ts', [
  {
    name: 'removes a key before a checkpoint covers its records',
    from: '      await listener.saveCheckpoint()\n',
    to: '',
  },
  {
    name: 'forgets the records that have arrived while a key returned',
    from: 'listener.onReady(key.takeArrivals())',
    to: 'key.takeArrivals()',
  },
  {
    name: 'completes a request before its effect is saved',
    from: '    await Promise.all(open.map(({ key }) => key && this.#writes?.saved(key)))\n',
    to: '',
  },
  {
    name: 'waits until nothing is left to be saved before it reads requests again',
    from: 'await Promise.all(open.map(({ key }) => key && this.#writes?.saved(key)))',
    to: 'await Promise.all(open.map(({ key }) => key && this.#writes?.saved(key))).then(() => this.#writes?.flush())',
  },
  {
    name: 'drops records that were parked after the request',
    from: 'this.#drop(key, until ?? key.last)',
    to: 'this.#drop(key, key.last)',
  },
  {
    name: 'reads requests only once',
    from: '      this.#isPolling = false\n      this.#schedulePoll()\n',
    to: '      this.#isPolling = false\n',
  },
  {
    name: 'attempts records of a key that is being released without storing them',
    from: '    if (key === undefined) return false\n    const position',
    to: "    if (key === undefined || key.state === 'releasing') return false\n    const position",
  },
  {
    name: 'takes the records of the next stream for delivered ones',
    from: 'for (const key of this.#keys.values()) key.pass(end)',
    to: 'for (const key of this.#keys.values()) key.pass(key.last ?? end)',
  },
  {
    name: 'trusts a lag that does not include hidden shards',
    from: 'lagMs() + LAG_MARGIN_MS <',
    to: 'lagMs() + 5_000 <',
  },
  {
    name: 'does not wait for the removal of a key when it ends',
    from: '    await this.#calls.run(async () => {}).catch(() => {})\n',
    to: '',
  },
  {
    name: 'keeps the records of a key in memory that is parked again',
    from: '    for (const record of kept) listener.onParkedAgain(record)\n',
    to: '',
  },
])

const keys = inFile('src/processing/parked-key-state.ts', [
  {
    name: 'parks the last record again when it is redelivered',
    from: 'return this.#last !== undefined && position <= this.#last',
    to: 'return this.#last !== undefined && position < this.#last',
  },
  {
    name: 'lets a key return before its records can have been redelivered',
    from: 'this.#isPassed = stored === undefined',
    to: 'this.#isPassed = true',
  },
  {
    name: 'stores records that arrive while the key is being removed',
    from: "if (this.#state === 'returning') this.#arrivals.push(queued)",
    to: 'if (this.#arrivals.length > 0) this.#arrivals.push(queued)',
  },
  {
    name: 'finishes records that are not settled',
    from: 'while (this.#released[0]?.isSettled) {',
    to: 'while (this.#released.length > 0) {',
  },
  {
    name: 'finishes dropped records only when those in memory are settled',
    from: '    this.#finished = until\n',
    to: '',
  },
  {
    name: 'does not count the records that were saved',
    from: '    this.#stored += saved.length\n',
    to: '',
  },
  {
    name: 'keeps the attempts from before the release',
    from: '    this.#progress =\n      finishedTasks.length === 0\n        ? undefined\n',
    to: '    this.#progress =\n      finishedTasks.length === 0\n        ? this.#progress\n',
  },
  {
    name: 'forgets finished tasks when a key is released',
    from: '        : { attempts: 0, since, isRunning: false, finishedTasks, error: undefined }',
    to: '        : undefined',
  },
  {
    name: 'does not read the records again that are parked again',
    from: '    this.#released = []\n    this.#read = this.#finished\n',
    to: '    this.#released = []\n',
  },
  {
    name: 'loses what has arrived when a key cannot return',
    from: 'for (const queued of this.#arrivals.splice(0)) this.add(queued, positionOf(queued))',
    to: 'for (const queued of this.#arrivals.splice(0)) positionOf(queued)',
  },
  {
    name: 'returns while records wait for the store',
    from: ' && this.#pending.length === 0\n',
    to: '\n',
  },
])

const writes = inFile('src/processing/parking-writes.ts', [
  {
    name: 'saves too late how far a released key was processed',
    from: 'const SAVE_WITHIN_MS = 1_000',
    to: 'const SAVE_WITHIN_MS = 60_000',
  },
  {
    name: 'takes records for saved before the store has responded',
    from: '      await lease.save(updates)\n',
    to: '      lease.save(updates).catch(() => {})\n',
  },
  {
    name: 'repeats a failed save with other records',
    from: 'update(key, failed[index]?.added.length ?? 0)',
    to: 'update(key, failed[index] ? records : 0)',
  },
  {
    name: 'saves the rest of the records of a key only with the next one',
    from: '      if (key.hasPending) this.#urgent.add(key)\n',
    to: '',
  },
  {
    name: 'takes a call that was in flight for one that saves the present state',
    from: 'number > after && keys.includes(key)',
    to: 'number >= after && keys.includes(key)',
  },
])

const reads = inFile('src/processing/parking-reads.ts', [
  {
    name: 'reads a page after the last one',
    from: '        if (!key.hasUnread) continue\n',
    to: '',
  },
  {
    name: 'delivers the page of a key that has been parked again',
    from: "if (key.state !== 'releasing' || key.readAfter !== after) this.read(key)\n        else {",
    to: "if (key.state === 'parked') this.read(key)\n        else {",
  },
])

const calls = inFile('src/processing/parking-calls.ts', [
  {
    name: 'repeats calls that were fenced',
    from: "isStreamError(error, 'checkpoint.conflict') || ",
    to: '',
  },
])

const planner = inFile('src/processing/planner.ts', [
  {
    name: 'parks a key while a dead letter of it is being sent',
    from: 'if (park !== undefined && !lane.isHeld) {',
    to: 'if (park !== undefined) {',
  },
  {
    name: 'leaves the records behind the parked one in the lane',
    from: 'records: [...taken, ...lane.take(lane.length)], reason })\n',
    to: 'records: [...taken, ...lane.take(taken.length === 0 ? 1 : 0)], reason })\n',
  },
])

const run = inFile('src/processing/run.ts', [
  {
    name: 'does not save the progress of released records when it ends',
    from: '    await this.#parking?.finish()\n',
    to: '',
  },
])

const policy = inFile('src/processing/parking-policy.ts', [
  {
    name: 'parks a key an attempt too late',
    from: 'policy.attempts !== undefined && attempts >= policy.attempts',
    to: 'policy.attempts !== undefined && attempts > policy.attempts',
  },
  {
    name: 'never parks a record that ends the process',
    from: 'record.wasRunning && record.attemptsInRun === 0 && record.attempts >= limit',
    to: 'record.wasRunning && record.attemptsInRun > 0 && record.attempts >= limit',
  },
])

/** Defects of parking. */
export const parkingMutants: readonly Mutant[] = [
  ...parking,
  ...keys,
  ...writes,
  ...reads,
  ...calls,
  ...planner,
  ...run,
  ...policy,
]
