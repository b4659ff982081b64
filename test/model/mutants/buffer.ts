import { inFile, type Mutant } from './mutant.ts'

export const bufferMutants: readonly Mutant[] = [
  ...inFile('src/merge/record-buffer.ts', [
    {
      name: 'records of the same time are delivered in heap order',
      from: 'a.headTime - b.headTime || a.node.ordinal - b.node.ordinal',
      to: 'a.headTime - b.headTime',
    },
    {
      name: 'a shard keeps its place in the merge when its next record is newer',
      from: 'else if (queue.headTime !== time) this.#heap.replace(queue)',
      to: '',
    },
    {
      name: 'held-back records are merged',
      from: 'if (this.#queues.has(queue)) this.#heap.push(queue)',
      to: 'this.#heap.push(queue)',
    },
  ]),
  ...inFile('src/merge/shard-queue.ts', [
    {
      name: 'a page is delivered before pages that were fetched earlier',
      from: 'this.#pages.push(page)',
      to: 'this.#pages.splice(1, 0, page)',
    },
    {
      name: 'memory released early from one page is subtracted from the next page as well',
      from: '      this.#releasedBytes = 0\n',
      to: '',
    },
    {
      name: 'a record is merged by its own time although its lineage has reached a later one',
      from: 'this.headTime = Math.max(createdAt, reached)',
      to: 'this.headTime = Math.max(createdAt, reached - Infinity)',
    },
    {
      name: 'a record without a time is merged by the first time of its shard',
      from: 'this.#lastCreatedAt = createdAt\n',
      to: '',
    },
    {
      name: 'skipped records at the start of a later page are delivered',
      from: 'this.#at = this.#pages[0]?.first ?? 0',
      to: 'this.#at = 0',
    },
  ]),
]
