import {
  HANDLED_PREFIX,
  type HandledLetters,
  type LetterSource,
  SourceError,
  type StoredLetter,
} from './letter-source.ts'
import { LetterError } from './parse-letter.ts'
import type { BucketClient, ListedObject } from './s3-client.ts'

export interface S3SourceOptions {
  readonly bucket: BucketClient
  readonly prefix: string
  readonly handled: HandledLetters
}

/** Far more than any letter has: Lambda passes up to 6 MB to a function. */
const MAX_OBJECT_BYTES = 64 * 1_048_576

const CONCURRENT_READS = 8

/** The objects of a bucket whose keys start with a prefix. Those that were handled are moved or deleted. */
export function s3Source({ bucket, prefix, handled }: S3SourceOptions): LetterSource {
  return {
    async *letters(stop) {
      for await (const page of bucket.list(prefix)) {
        const objects = page.filter(({ key }) => isLetterKey(key, prefix))
        for (let from = 0; from < objects.length; from += CONCURRENT_READS) {
          if (stop.aborted) return
          const group = objects.slice(from, from + CONCURRENT_READS)
          const letters = await Promise.all(group.map((object) => readLetter(bucket, object)))
          yield* letters.filter((letter) => letter !== undefined)
        }
      }
    },
    hasMore: false,
    handledBefore: 0,
    readAgain: (key) => bucket.read(key),
    claim: () => Promise.resolve(true),
    async remove(key) {
      if (handled === 'keep') return
      if (handled === 'mark') await bucket.copy(key, `${HANDLED_PREFIX}${key}`)
      await bucket.delete(key)
    },
    close: async () => bucket.close(),
  }
}

/** A key that ends with a slash is a folder of the console. */
function isLetterKey(key: string, prefix: string): boolean {
  return !key.endsWith('/') && (!key.startsWith(HANDLED_PREFIX) || prefix.startsWith(HANDLED_PREFIX))
}

/** Returns undefined for an object that was deleted since it was listed. */
async function readLetter(
  bucket: BucketClient,
  { key, bytes }: ListedObject,
): Promise<StoredLetter | undefined> {
  if (bytes > MAX_OBJECT_BYTES) return { place: key, body: new LetterError('the object is too large') }
  try {
    return { place: key, body: await bucket.read(key) }
  } catch (error) {
    if (error instanceof SourceError && error.kind === 'notFound') return undefined
    throw error
  }
}
