import { inFile, type Mutant } from './mutant.ts'

export const shardsMutants: readonly Mutant[] = [
  ...inFile('src/shards/parents-first.ts', [
    {
      name: 'a child is merged while its parent is still in the buffer',
      from: "parent.state === 'fetched' ? 'prefetch' : 'wait'",
      to: "parent.state === 'fetched' ? 'open' : 'wait'",
    },
    {
      name: 'a shard that may turn out to lie before the position is read',
      from: "return plan !== 'wait' && mayPrecedeStartedShard(node, forest) ? 'wait' : plan",
      to: 'return plan',
    },
    {
      name: 'a shard of a token does not wait for an ancestor of the same token',
      from: "if (parent && hasUnfinishedAncestor(parent, forest)) return 'wait'",
      to: '',
    },
    {
      name: 'a shard of a token does not wait for an ancestor behind a hidden parent',
      from: "return mayHaveUnfinishedAncestor(node, forest) ? 'prefetch' : 'open'",
      to: "return 'open'",
    },
    {
      name: 'a hidden parent is not waited for',
      from: "return missing?.state === 'hidden' ? 'wait' : 'open'",
      to: "return 'open'",
    },
  ]),
  ...inFile('src/shards/seek.ts', [
    {
      name: 'the times of shard ids are trusted to the millisecond',
      from: 'SEEK_MARGIN_MS: number = 300_000',
      to: 'SEEK_MARGIN_MS: number = 0',
    },
    {
      name: 'trim_horizon requires every record of an old shard',
      from: 'else if (!isCertainlyWhole(node.createdAt, now)) node.start = OLDEST_RETAINED',
      to: '',
    },
    {
      name: 'trim_horizon requires every record of a shard of unknown age',
      from: 'if (node.createdAt === undefined) node.mustBeComplete = false\n    else',
      to: '',
    },
    {
      name: 'latest reads closed shards',
      from: "if (node.hasEnded) node.state = 'finished'",
      to: '',
    },
    {
      name: 'a position in time requires every record of an old shard',
      from: 'node.mustBeComplete = isCertainlyWhole(node.createdAt, now)',
      to: '',
    },
    {
      name: 'ancestors of a skipped shard are read',
      from: "if (node.state === 'unread' && hasFinishedDescendant(node)) node.state = 'finished'",
      to: '',
    },
    {
      name: 'a closed shard without listed children is skipped',
      from: 'if (!node.closed || node.children.length === 0) return false',
      to: 'if (!node.closed) return false',
    },
    {
      name: 'a pending shard of a token counts as started',
      from: "if (state === 'pending') node.inPosition = false",
      to: '',
    },
    {
      name: 'a skipped shard of a token is read',
      from: "if (!isAtEnd && state !== 'skipped') continue",
      to: 'if (!isAtEnd) continue',
    },
    {
      name: 'the last sequence number of a finished shard is lost when a token is loaded',
      from: 'node.ledger.startAfter(at.end ?? undefined)',
      to: '',
    },
    {
      name: 'ancestors of the shards of a token are read',
      from: "if (node.state === 'unread' && !node.inPosition && hasStartedDescendant(node)) node.state = 'finished'",
      to: '',
    },
    {
      name: 'a late sibling of a shard that starts at a time is read from its start',
      from: "if (parent && !parent.inPosition && typeof at === 'object' && 'since' in at) parent.start = at",
      to: '',
    },
  ]),
  ...inFile('src/shards/shard-forest.ts', [
    {
      name: 'the end of a shard in a listing is ignored',
      from: 'if (description.endingSequenceNumber !== undefined) node.closed = true',
      to: '',
    },
    {
      name: 'a listing that lags behind opens a closed shard again',
      from: 'if (description.endingSequenceNumber !== undefined) node.closed = true',
      to: 'node.closed = description.endingSequenceNumber !== undefined',
    },
    {
      name: 'a parent that is not listed counts as trimmed',
      from: 'const isYoung = createdAt !== undefined && createdAt >= trimmedBefore',
      to: 'const isYoung = false && createdAt',
    },
    {
      name: 'whether a parent is hidden depends on when the listing completed',
      from: 'const trimmedBefore = serviceNow - (endedAt - startedAt) - RETENTION_MS',
      to: 'const trimmedBefore = serviceNow - RETENTION_MS',
    },
    {
      name: 'a parent that is listed later is not linked',
      from: 'if (known.parentId === undefined && parentId !== undefined) this.#link(known, parentId)',
      to: '',
    },
    {
      name: 'a listing without a first sequence number removes it',
      from: 'node.startingSequenceNumber ??= description',
      to: 'node.startingSequenceNumber = description',
    },
    {
      name: 'a shard that is listed again keeps its earlier missing time',
      from: 'node.missingSince = undefined\n',
      to: '',
    },
    {
      name: 'a shard that is listed again still counts as expired',
      from: '      node.expired = false\n',
      to: '',
    },
    {
      name: 'a young shard that is not listed has expired',
      from: 'node.expired = createdAt === undefined || createdAt <= serviceNow - RETENTION_MS',
      to: 'node.expired = createdAt !== serviceNow + RETENTION_MS',
    },
    {
      name: 'finished shards are never removed',
      from: 'node.missingSince ??= now',
      to: 'node.missingSince = now',
    },
    {
      name: 'a finished leaf is removed, and read again when it is listed again',
      from: 'if (!node.expired && node.children.length === 0) continue',
      to: '',
    },
    {
      name: 'a parent that was read and removed is waited for',
      from: "if (state === 'read' || state === 'timedOut') continue",
      to: "if (state === 'timedOut') continue",
    },
    {
      name: 'a hidden parent is waited for forever',
      from: 'const hasTimedOut = startedAt >= (missing.hiddenSince ?? endedAt) + HIDDEN_PARENT_WAIT_MS',
      to: 'const hasTimedOut = startedAt >= Number.POSITIVE_INFINITY',
    },
    {
      name: 'a shard with a record that is not acknowledged is removed',
      from: "if (node.state !== 'finished' || node.ledger.hasUnsettled) continue",
      to: "if (node.state !== 'finished') continue",
    },
    {
      name: 'a shard that names its own descendant as parent is linked',
      from: 'if (this.#descendsFrom(parentId, node)) return',
      to: '',
    },
  ]),
  ...inFile('src/shards/shard.ts', [
    {
      name: 'the token covers what was fetched',
      from: 'const at = last === undefined ? this.start : { after: last }',
      to: 'const at = (this.fetched ?? last) === undefined ? this.start : { after: (this.fetched ?? last) as string }',
    },
    {
      name: 'children of a shard without records of the requested time are read from their start',
      from: 'return isPending ?',
      to: 'return false ?',
    },
    {
      name: 'a shard with children may get more records',
      from: 'return this.closed || this.children.length > 0 || this.expired',
      to: 'return this.closed || this.expired',
    },
    {
      name: 'the end of a shard is covered although a record of it is not acknowledged',
      from: "if (!isAll || this.state !== 'finished') return at",
      to: "if (this.state !== 'finished') return at",
    },
    {
      name: 'the requested time is lost with a shard that has no records of that time',
      from: "if (typeof at === 'object' && 'since' in at) return at",
      to: '',
    },
  ]),
  ...inFile('src/shards/shard.ts', [
    {
      name: 'after a gap reading continues at the tip',
      from: 'this.start = OLDEST_RETAINED',
      to: 'this.start = { since: 2 ** 52 }',
    },
    {
      name: 'after a gap the trimmed position is tried again',
      from: 'this.fetched = undefined\n    this.ledger',
      to: 'this.ledger',
    },
    {
      name: 'after a gap the token still contains the position before it',
      from: 'this.ledger.continueAfterGap()',
      to: '',
    },
  ]),
  ...inFile('src/shards/shard-ledger.ts', [
    {
      name: 'the last acknowledged record covers those before it',
      from: 'return this.#first ? this.#first.after : this.#delivered',
      to: 'return this.#delivered',
    },
    {
      name: 'a record that is settled out of order takes the one before it out of the ledger',
      from: 'if (previous) previous.next = next\n    else this.#first = next',
      to: 'this.#first = next',
    },
    {
      name: 'a filtered record counts as processed',
      from: "if (settlement === 'filtered') return\n",
      to: '',
    },
    {
      name: 'a record that a token names covers later records of its key',
      from: 'return this.#isNamed ? undefined : this.tracker?.itemKey',
      to: 'return this.tracker?.itemKey',
    },
    {
      name: 'attempts of a loaded token are lost in a plain loop',
      from: 'this.tracker ? this.tracker.progress() : this.#loaded',
      to: 'this.tracker?.progress()',
    },
    {
      name: 'attempts of a record are not saved before a later one is settled',
      from: 'if (!isOvertaken && !(progress && isAttempted(progress))) continue',
      to: 'if (!isOvertaken) continue',
    },
    {
      name: 'records of a loaded token that have not arrived yet are lost in the next one',
      from: 'entries.push(...this.#loaded.entriesAfter(this.#delivered, (key) => hashes.has(key)))',
      to: '',
    },
    {
      name: 'after a gap a token still refers to records before it',
      from: 'if (acknowledged === undefined) return !this.isBeforeGap && this.#precedesGap(sequenceNumber)',
      to: 'if (acknowledged === undefined) return false',
    },
    {
      name: 'a shard with entries of a loaded token has no unsettled records',
      from: 'return this.#first !== undefined || this.#loaded !== undefined',
      to: 'return this.#first !== undefined',
    },
  ]),
  ...inFile('src/shards/loaded-settlement.ts', [
    {
      name: 'a key that a token names is settled',
      from: 'isSettled: isPreceding && named === undefined && ofKey === undefined',
      to: 'isSettled: isPreceding && named === undefined',
    },
    {
      name: 'a record that a token names is settled',
      from: 'isSettled: isPreceding && named === undefined && ofKey === undefined',
      to: 'isSettled: isPreceding && ofKey === undefined',
    },
    {
      name: 'every record of a key has the attempts of its first one',
      from: 'const entry = named ?? (ofKey && reached.includes(ofKey) ? ofKey : undefined)',
      to: 'const entry = named ?? ofKey',
    },
    {
      name: 'a crash during a recovery repeats the first record of a key',
      from: 'isSequenceNumber(delivered) ? nextSequenceNumber(delivered) : from',
      to: 'from',
    },
    {
      name: 'a loaded token is forgotten before its last processed record has arrived',
      from: 'return this.#left.size === 0 && !this.#isBeforeEnd(sequenceNumber)',
      to: 'return this.#left.size === 0',
    },
    {
      name: 'attempts of a key after the last processed record are lost',
      from: '(isPreceding || reached.length > 0)',
      to: 'isPreceding',
    },
    {
      name: 'a trimmed record of a key counts as settled if an earlier one was read',
      from: 'if (key !== undefined) return undefined',
      to: '',
    },
    {
      name: 'a trimmed unsettled record counts as settled once its key was reached',
      from: 'this.#isAfterGap || this.#keys.size > 0',
      to: 'this.#isAfterGap',
    },
    {
      name: 'the entries of a shard that vanished are not counted as lost',
      from: 'this.#lost += this.#left.size',
      to: '',
    },
    {
      name: 'a missing record that was attempted is not noticed',
      from: 'if (!isRead && isOfRecord(entry)) return true',
      to: '',
    },
  ]),
  ...inFile('src/shards/retention.ts', [
    {
      name: 'the clocks count as equal to the millisecond',
      from: 'CLOCK_SKEW_MS: number = 300_000',
      to: 'CLOCK_SKEW_MS: number = 0',
    },
  ]),
]
