import { inFile, type Mutant } from './mutant.ts'

export const standbyMutants: readonly Mutant[] = [
  ...inFile('src/checkpoints/lease-term.ts', [
    {
      name: 'a worker relies on its lease until the end of its time limit',
      from: 'this.#validMs = leaseMs - leaseMs * MARGIN',
      to: 'this.#validMs = leaseMs',
    },
    {
      name: 'only the monotonic clock counts',
      from: 'return Math.max(to.monotonic - from.monotonic, to.wall - from.wall)',
      to: 'return to.monotonic - from.monotonic',
    },
    {
      name: 'a suspended worker delivers before it has renewed its lease',
      from: 'this.#suspendedAt = now\n',
      to: 'this.#suspendedAt = undefined\n',
    },
    {
      name: 'an older renewal shortens the term',
      from: 'if (elapsedMs(this.#sent, sentAt) > 0) this.#sent = sentAt',
      to: 'this.#sent = sentAt',
    },
  ]),
  ...inFile('src/checkpoints/lease-keeper.ts', [
    {
      name: 'a renewal counts from its response',
      from: 'await this.#lease.renew()\n      this.#renewedAt(sentAt)',
      to: 'await this.#lease.renew()\n      this.#renewedAt(momentOf(this.#options.clock))',
    },
    {
      name: 'a save counts as a renewal from its response',
      from: 'await this.#lease.save(token)\n    this.#renewedAt(sentAt)',
      to: 'await this.#lease.save(token)\n    this.#renewedAt(momentOf(this.#options.clock))',
    },
    {
      name: 'a lease that was not renewed is not lost',
      from: "if (verdict === 'stop') this.#lose(this.#notRenewed())\n    else if",
      to: 'if',
    },
  ]),
  ...inFile('src/checkpoints/lease-watch.ts', [
    {
      name: 'a standby worker counts from before it has seen the state',
      from: 'this.#since = arrivedAt\n',
      to: 'this.#since = arrivedAt - (state.leaseMs ?? 0) / 3\n',
    },
    {
      name: 'a change of the state does not start the wait anew',
      from: 'if (state.revision !== this.#state?.revision) {',
      to: 'if (this.#state === undefined) {',
    },
    {
      name: 'a lease without a time limit is taken over',
      from: 'return Number.POSITIVE_INFINITY',
      to: 'return 0',
    },
  ]),
  ...inFile('src/stream/await-lease.ts', [
    {
      name: 'a standby worker acquires the lease without a condition',
      from: '{ signal: callSignal, leaseMs, ifState: state }',
      to: '{ signal: callSignal, leaseMs }',
    },
    {
      name: 'a standby worker ends at a failed call',
      from: 'if (isFatal(error)) throw error',
      to: 'throw error',
    },
  ]),
  ...inFile('src/checkpoints/dynamodb-head.ts', [
    {
      name: 'changes do not depend on the version',
      from: "'#session = :session AND (attribute_not_exists(#version) OR #version <= :version)'",
      to: "'#session = :session'",
    },
    {
      name: 'the acquisition of a standby worker does not depend on renewals',
      from: "[numberIs('version', seen.version)]",
      to: '[]',
    },
  ]),
  ...inFile('src/checkpoints/dynamodb-lease.ts', [
    {
      name: 'a release is not written',
      from: 'await this.#loseOnConflict(async () => void (await this.#changes.run(releaseNow)))',
      to: '',
    },
  ]),
  ...inFile('src/processing/run.ts', [
    {
      name: 'an attempt starts before a lease is renewed after a suspension',
      from: ' && this.#mayDeliver()) {\n      const action',
      to: ') {\n      const action',
    },
  ]),
]
