import { describe, expect, test } from 'vitest'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import type { HandledLetters } from '../../../src/redrive/letter-source.ts'
import { SourceError } from '../../../src/redrive/letter-source.ts'
import { redrive } from '../../../src/redrive/redrive.ts'
import type { BucketClient } from '../../../src/redrive/s3-client.ts'
import { s3Source } from '../../../src/redrive/s3-source.ts'
import { letterJson, redriveWith } from './redrive-subject.ts'

/** A bucket in memory, which lists two objects per page. */
class FakeBucket implements BucketClient {
  readonly objects: Map<string, string>
  readonly reads: string[] = []
  concurrentReads = 0
  mostConcurrentReads = 0
  isClosed = false
  /** Called before each change; it can throw. */
  beforeChange: (operation: string) => void = () => {}
  readonly #sizes: ReadonlyMap<string, number>

  constructor(objects: Readonly<Record<string, string>>, sizes: Readonly<Record<string, number>> = {}) {
    this.objects = new Map(Object.entries(objects))
    this.#sizes = new Map(Object.entries(sizes))
  }

  async *list(prefix: string) {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).toSorted()
    for (let from = 0; from === 0 || from < keys.length; from += 20) {
      yield keys.slice(from, from + 20).map((key) => ({
        key,
        bytes: this.#sizes.get(key) ?? this.objects.get(key)?.length ?? 0,
      }))
    }
  }

  async read(key: string): Promise<string> {
    this.reads.push(key)
    this.mostConcurrentReads = Math.max(this.mostConcurrentReads, ++this.concurrentReads)
    await Promise.resolve()
    this.concurrentReads--
    const body = this.objects.get(key)
    if (body === undefined) throw new SourceError('notFound', 'Cannot read an object.')
    return body
  }

  async copy(from: string, to: string): Promise<void> {
    this.beforeChange('copy')
    this.objects.set(to, this.objects.get(from) ?? '')
  }

  async delete(key: string): Promise<void> {
    this.beforeChange('delete')
    this.objects.delete(key)
  }

  close(): void {
    this.isClosed = true
  }
}

async function redriveBucket(bucket: FakeBucket, prefix = '', handled: HandledLetters = 'mark', fails = '') {
  const order: string[] = []
  const handler = ({ keys, sequenceNumber }: StreamRecord) => {
    if (keys.id === fails) throw new Error('It always fails.')
    order.push(`${keys.id}${sequenceNumber}`)
  }
  const subject = redriveWith(s3Source({ bucket, prefix, handled }), { handler, retry: { maxAttempts: 1 } })
  const result = await subject.clock.run(redrive(subject.options))
  return { order, ...result, reported: subject.reported }
}

describe('s3Source', () => {
  test('all objects below the prefix are handled, in the order of their items', async () => {
    const bucket = new FakeBucket({
      'failed/z': letterJson(1, 'a'),
      'failed/b': letterJson(2, 'a'),
      'failed/c': letterJson(10, 'a'),
      'failed/folder/': '',
      'other/d': letterJson(3, 'a'),
    })
    const { order, summary } = await redriveBucket(bucket, 'failed/')
    expect(order).toEqual(['a1', 'a2', 'a10'])
    expect(summary).toMatchObject({ found: 3, handled: 3 })
    expect(bucket.isClosed).toBe(true)
  })

  test('an object that was handled is moved below redriven/, and not handled again', async () => {
    const objects = { 'x/a': letterJson(1, 'a'), 'x/b': letterJson(2, 'b') }
    const bucket = new FakeBucket(objects)
    expect((await redriveBucket(bucket, '', 'mark', 'b')).order).toEqual(['a1'])
    expect(Object.fromEntries(bucket.objects)).toEqual({
      'redriven/x/a': objects['x/a'],
      'x/b': objects['x/b'],
    })
    expect((await redriveBucket(bucket)).order).toEqual(['b2'])
    expect((await redriveBucket(bucket)).summary.found).toBe(0)
  })

  test('with delete an object that was handled is deleted, with keep it stays as it is', async () => {
    const objects = { a: letterJson(1, 'a') }
    const bucket = new FakeBucket(objects)
    expect((await redriveBucket(bucket, '', 'keep')).order).toEqual(['a1'])
    expect(Object.fromEntries(bucket.objects)).toEqual(objects)
    expect((await redriveBucket(bucket, '', 'delete')).order).toEqual(['a1'])
    expect(bucket.objects.size).toBe(0)
  })

  test('objects below redriven/ can be redriven again if they are asked for', async () => {
    const bucket = new FakeBucket({ 'redriven/a': letterJson(1, 'a') })
    expect((await redriveBucket(bucket, 'redriven/', 'delete')).order).toEqual(['a1'])
    expect(bucket.objects.size).toBe(0)
  })

  test.each(['copy', 'delete'])(
    'if %s fails, the object stays, and no further letter is handled',
    async (failing) => {
      const bucket = new FakeBucket({ a: letterJson(1, 'a'), b: letterJson(2, 'a') })
      const error = new SourceError('denied', 'Access denied.')
      bucket.beforeChange = (operation) => {
        if (operation === failing) throw error
      }
      const { order, failure, summary } = await redriveBucket(bucket)
      expect({ order, failure }).toEqual({ order: ['a1'], failure: { error } })
      expect(summary).toMatchObject({ handled: 0, failed: 1, notStarted: 1 })
      expect([...bucket.objects.keys()]).toContain('a')
    },
  )

  test('objects that are not letters, or are too large to be one, stay and are reported', async () => {
    const bucket = new FakeBucket({ a: letterJson(1, 'a'), b: 'no letter', c: '' }, { c: 64 * 1_048_576 + 1 })
    const { summary, reported } = await redriveBucket(bucket)
    expect(reported).toEqual(['malformed b', 'malformed c', 'found 3'])
    expect(summary).toMatchObject({ handled: 1, malformed: 2 })
    expect(bucket.reads).not.toContain('c')
  })

  test('a few objects are read concurrently', async () => {
    const bucket = new FakeBucket(
      Object.fromEntries(
        Array.from({ length: 50 }, (_, index) => [`o${index}`, letterJson(index, `k${index}`)]),
      ),
    )
    const { summary } = await redriveBucket(bucket)
    expect(summary.handled).toBe(50)
    expect(bucket.mostConcurrentReads).toBe(8)
  })

  test('an object that was deleted since it was listed is not a letter', async () => {
    const bucket = new FakeBucket({ a: letterJson(1, 'a'), b: letterJson(2, 'b') })
    const list = bucket.list.bind(bucket)
    bucket.list = async function* (prefix) {
      for await (const page of list(prefix)) {
        bucket.objects.delete('a')
        yield page
      }
    }
    const { summary, failure } = await redriveBucket(bucket)
    expect({ summary, failure }).toMatchObject({ summary: { found: 1, handled: 1 }, failure: undefined })
  })

  test('letters of more than 64 MiB in all are read again when they are handled', async () => {
    // Most of a body can be a member that is ignored.
    const padded = (number: number, key: string) =>
      JSON.stringify({ ...JSON.parse(letterJson(number, key)), padding: 'x'.repeat(30 * 1_048_576) })
    const objects = { a1: padded(1, 'a'), a2: padded(2, 'a'), a3: padded(3, 'a'), b4: padded(4, 'b') }
    const bucket = new FakeBucket(objects)
    const { order, summary } = await redriveBucket(bucket)
    expect(order.toSorted()).toEqual(['a1', 'a2', 'a3', 'b4'])
    expect(summary).toMatchObject({ handled: 4, records: 4 })
    expect(bucket.reads.toSorted()).toEqual(['a1', 'a2', 'a3', 'a3', 'b4', 'b4'])
  })

  test('a letter that has vanished, or was changed, before it is read again is not handled', async () => {
    const padding = 'x'.repeat(33 * 1_048_576)
    const padded = (number: number, key: string) =>
      JSON.stringify({ ...JSON.parse(letterJson(number, key)), padding })
    const bucket = new FakeBucket({
      a: padded(1, 'a'),
      b: padded(2, 'b'),
      c: padded(3, 'c'),
      d: padded(4, 'd'),
    })
    const subject = redriveWith(s3Source({ bucket, prefix: '', handled: 'mark' }), () => {})
    subject.options.listener.passStarted = () => {
      bucket.objects.delete('b')
      bucket.objects.set('c', letterJson(9, 'c'))
      bucket.objects.set('d', 'no letter')
    }
    const { summary } = await subject.clock.run(redrive(subject.options))
    expect(summary).toMatchObject({ handled: 1, lost: 3 })
    expect(subject.reported.toSorted()).toEqual(['lost b', 'lost c', 'lost d'])
  })
})
