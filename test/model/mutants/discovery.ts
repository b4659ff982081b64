import { inFile, type Mutant } from './mutant.ts'

export const discoveryMutants: readonly Mutant[] = inFile('src/coordinator/discovery.ts', [
  {
    name: 'after a listing that was suspended for hours, the pause before the next one is as long',
    from: 'Math.min(now - firstAttemptAt, LONGEST_LISTING_MS)',
    to: 'now - firstAttemptAt',
  },
  {
    name: 'missing shards are removed by the time when the listing completed',
    from: 'forgetMissingSince(startedAt - REMEMBER_MISSING_MS)',
    to: 'forgetMissingSince(now - REMEMBER_MISSING_MS)',
  },
  {
    name: 'the contents of a listing count as old as its first attempt',
    from: 'startedAt ??= page.calledAt',
    to: '',
  },
  {
    name: 'a disabled stream never ends',
    from: 'this.#isOver = startedAt >= this.#disabledAt + waitMs',
    to: 'this.#isOver = false',
  },
  {
    name: 'a disabled stream is not listed again',
    from: 'LAST_LISTING_AFTER_MS = 1_500',
    to: 'LAST_LISTING_AFTER_MS = 0',
  },
  {
    name: 'a listing that started too early counts as the last one of a disabled stream',
    from: 'this.#isOver = startedAt >= this.#disabledAt',
    to: 'this.#isOver = now >= this.#disabledAt',
  },
  {
    name: 'a disabled stream ends although its last listing showed a new shard',
    from: 'if (this.#disabledAt === undefined || hasGrown) this.#disabledAt = now',
    to: 'if (this.#disabledAt === undefined) this.#disabledAt = now',
  },
  {
    name: 'shards of a disabled stream stay open',
    from: 'this.#forest.closeAll()',
    to: '',
  },
  {
    name: 'next() returns undefined before the last listing of a disabled stream',
    from: 'this.#isFirstLookAwaited : !this.#isOver',
    to: 'this.#isFirstLookAwaited : false',
  },
  {
    name: 'a stream counts as deleted when DescribeStream does not find it once',
    from: 'confirmNotFound(this.#context, () => this.#runDue(now))',
    to: 'this.#runDue(now)',
  },
  {
    name: 'late children are looked up once, and then only by periodic listings',
    from: 'QUICK_ATTEMPTS = 10',
    to: 'QUICK_ATTEMPTS = 1',
  },
  {
    name: 'the last quick attempt for a shard that is not known to be closed does not list all shards',
    from: 'return node.hasEnded || attempts < QUICK_ATTEMPTS - 1',
    to: 'return node.hasEnded || attempts < 1_000',
  },
  {
    name: 'a failing DescribeStream holds up all records forever',
    from: 'return this.#failureStreak === undefined || streakMs(this.#failureStreak) < STALLED_AFTER_MS',
    to: 'return true',
  },
  {
    name: 'a stream without shards is listed at the periodic interval only',
    from: ': Math.min(Math.max(NOTHING_TO_READ_INTERVAL_MS, tookMs), this.#intervalMs)',
    to: ': this.#intervalMs',
  },
  {
    name: 'a finished shard that is not listed once is forgotten',
    from: 'REMEMBER_MISSING_MS = 3_600_000',
    to: 'REMEMBER_MISSING_MS = -1',
  },
  {
    name: 'a repeated search starts from scratch',
    from: 'if (this.#searches.has(node)) return',
    to: '',
  },
  {
    name: 'a search that started during a listing is completed by it',
    from: 'for (const node of searched) this.#afterAttempt(node, now, true)',
    to: 'for (const node of [...this.#searches.keys(), ...searched.slice(0, 0)]) this.#afterAttempt(node, now, true)',
  },
  {
    name: 'children are looked up shard by shard, however many shards there are',
    from: 'if (nodes.length >= Math.ceil(this.#forest.size / SHARDS_PER_PAGE)) return false',
    to: '',
  },
  {
    name: 'all shards are listed even to find the children of one shard of a large stream',
    from: '!this.#isCheaperOneByOne(due)',
    to: 'true',
  },
  {
    name: 'an endpoint that rejects the shard filter stops discovery',
    from: "if (kind !== 'fatal' && kind !== 'notFound') throw error",
    to: 'throw error',
  },
  {
    name: 'children that another listing shows do not end a search',
    from: 'if (parent && this.#searches.has(parent)) this.#listener.onSearched(parent, false)',
    to: '',
  },
  {
    name: 'late children are looked up without a pause',
    from: 'Math.round(Math.min(1_000, 50 * 2 ** (attempts - 1))',
    to: 'Math.round(0 * attempts',
  },
  {
    name: 'the search for children of an open shard ends before the last listing of a disabled stream',
    from: 'this.#disabledAt !== undefined && (wasListed || node.hasEnded)',
    to: 'this.#disabledAt !== undefined',
  },
  {
    name: 'the first lookup of children holds up older records',
    from: 'if (node.reachedTime < time && !',
    to: 'if (!',
  },
  {
    name: 'the first lookup of children holds up records although their parent has buffered ones',
    from: ' && !this.#listener.hasBuffered(node)) return true',
    to: ') return true',
  },
  {
    name: 'a listing that failed with a permanent error is repeated at once',
    from: 'this.#isSuspended = true',
    to: '',
  },
  {
    name: 'a hidden parent is only looked for by periodic listings',
    from: 'if (this.#hiddenAttempts === 0) return Number.POSITIVE_INFINITY',
    to: 'return Number.POSITIVE_INFINITY',
  },
  {
    name: 'only the first page of a listing counts',
    from: 'status = page.status\n    }',
    to: 'status = page.status\n      break\n    }',
  },
])
