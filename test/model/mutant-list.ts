/** A way in which the library can be broken on purpose. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** Text that stands in the file exactly once, and what takes its place. */
  readonly from: string
  readonly to: string
}

/** The source with the mutant in it; undefined when it does not fit the source any more. */
export function mutate(source: string, { from, to }: Mutant): string | undefined {
  return source.split(from).length === 2 ? source.replace(from, () => to) : undefined
}

export const mutants: readonly Mutant[] = [
  {
    name: 'skip a late child: children that show up after their parent was finished are not read',
    file: 'src/coordinator/shard-sequencer.ts',
    from: 'if (hasStartedDescendant(node)) this.#liesBeforePosition(node)',
    to: "if (hasStartedDescendant(node) || forest.parentOf(node)?.state === 'finished') this.#liesBeforePosition(node)",
  },
  {
    name: 'reorder inside a shard: a page goes before those that were fetched earlier',
    file: 'src/buffer/shard-queue.ts',
    from: 'this.#pages.push(page)',
    to: 'this.#pages.splice(1, 0, page)',
  },
  {
    name: 'consume before delivery: the token covers what was fetched',
    file: 'src/shards/shard.ts',
    from: 'const at = last === undefined ? this.start : { after: last }',
    to: 'const at = (this.fetched ?? last) === undefined ? this.start : { after: (this.fetched ?? last) as string }',
  },
  {
    name: 'drop the last page: records that come without a next iterator are not given out',
    file: 'src/coordinator/read-session.ts',
    from: 'this.buffer.push(reader.queue, {',
    to: 'if (page.nextIterator !== undefined) this.buffer.push(reader.queue, {',
  },
  {
    name: 'promote twice: a shard is opened again at the next look',
    file: 'src/coordinator/shard-sequencer.ts',
    from: "    this.#unread.delete(node)\n    node.state = 'reading'",
    to: "    node.state = 'reading'",
  },
  {
    name: 'forget closed: the end of a shard that the listing tells is not noted',
    file: 'src/shards/shard-forest.ts',
    from: 'if (description.endingSequenceNumber !== undefined) node.closed = true',
    to: '',
  },
  {
    name: 'restart at LATEST: a shard of which nothing was read is reopened at its tip',
    file: 'src/reader/shard-reader.ts',
    from: "? { type: 'TRIM_HORIZON' }",
    to: "? { type: 'LATEST' }",
  },
  {
    name: 'believe each page: one that comes twice is given out twice',
    file: 'src/reader/shard-reader.ts',
    from: 'return this.#firstWanted(records, unseen)',
    to: 'return this.#firstWanted(records, 0)',
  },
  {
    name: 'hold nothing back: a child is merged while its parent is still in the buffer',
    file: 'src/shards/plan.ts',
    from: "parent.state === 'fetched' ? 'prefetch' : 'wait'",
    to: "parent.state === 'fetched' ? 'open' : 'wait'",
  },
  {
    name: 'do not wait: newer records are given out while a shard with a backlog was not asked',
    file: 'src/coordinator/read-session.ts',
    from: '(this.#mayPrecede(queue.headTime) && !this.#errors.isStreamGone)',
    to: 'false',
  },
  {
    name: 'forget the end: a finished shard leaves the token before its children are seen',
    file: 'src/coordinator/frontier.ts',
    from: 'return node.gone || node.children.some',
    to: 'return true || node.children.some',
  },
  {
    name: 'forget the time: children of a shard that held nothing new enough are read from their start',
    file: 'src/shards/shard.ts',
    from: 'return isPending ?',
    to: 'return false ?',
  },
  {
    name: 'repeat one: go on AT the last sequence number, not after it',
    file: 'src/reader/shard-reader.ts',
    from: "type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: lastRead",
    to: "type: 'AT_SEQUENCE_NUMBER', sequenceNumber: lastRead",
  },
  {
    name: 'believe the listing: a parent that is not listed is taken for trimmed',
    file: 'src/shards/shard-forest.ts',
    from: 'const isYoung = createdAt !== undefined && createdAt >= serviceNow - RETENTION_MS',
    to: 'const isYoung = false && createdAt',
  },
  {
    name: 'say nothing: records that were trimmed unread are passed over in silence',
    file: 'src/reader/shard-reader.ts',
    from: 'if (fetched !== undefined) return true',
    to: 'if (fetched !== undefined) return false',
  },
  {
    name: 'ask at will: DescribeStream is not limited',
    file: 'src/streams-api/rate-limit.ts',
    from: 'if (oldest === undefined || oldest <= now - WINDOW_MS)',
    to: 'if (true)',
  },
  {
    name: 'fetch at will: memory is not bounded',
    file: 'src/reader/page-budget.ts',
    from: 'this.#maxBytes = maxBufferedBytes',
    to: 'this.#maxBytes = 2 ** 50 + maxBufferedBytes',
  },
  {
    name: 'read the first page only: shards on later pages of the listing are not seen',
    file: 'src/streams-api/list-all-shards.ts',
    from: '} while (exclusiveStartShardId !== undefined)',
    to: '} while (false)',
  },
  {
    name: 'believe no iterator: a shard without a next one is finished, whatever the listing says',
    file: 'src/reader/next-step.ts',
    from: "if (context.hadEnded) return { state, action: { do: 'finish' } }",
    to: "return { state, action: { do: 'finish' } }",
  },
  {
    name: 'believe the first empty page: the tip is not waited for',
    file: 'src/reader/next-step.ts',
    from: 'EMPTY_PAGES_TO_CROSS = 6',
    to: 'EMPTY_PAGES_TO_CROSS = 1',
  },
  {
    name: 'give up: a call that was throttled or got lost is not made again',
    file: 'src/reader/next-step.ts',
    from: "    case 'aborted':\n      return retry(state, failed, context)",
    to: "    case 'aborted':\n      return { state, action: { do: 'fail', error } }",
  },
  {
    name: 'never end: no listing of a disabled stream counts as the last one',
    file: 'src/coordinator/discovery.ts',
    from: 'this.#isOver = startedAt >= this.#disabledAt + LAST_LISTING_AFTER_MS',
    to: 'this.#isOver = false',
  },
  {
    name: 'end early: a disabled stream is over, whatever is still to be read',
    file: 'src/coordinator/read-session.ts',
    from: 'return this.#discovery.isOver && this.#sequencer.isFinished',
    to: 'return this.#discovery.isOver',
  },
  {
    name: 'measure too finely: a time is not cut as the service cuts those of records',
    file: 'src/reader/shard-reader.ts',
    from: 'this.#since = Math.floor(start.since / timeGranularityMs) * timeGranularityMs',
    to: 'this.#since = start.since',
  },
  {
    name: 'stop at a gap: reading goes on at the tip, not at the oldest record that is left',
    file: 'src/reader/shard-reader.ts',
    from: 'this.node.start = OLDEST_LEFT',
    to: 'this.node.start = { since: 2 ** 52 }',
  },
]
