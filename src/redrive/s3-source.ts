import { HANDLED_PREFIX, type HandledLetters, type LetterSource, type StoredLetter } from './letter-source.ts'
import { LetterError } from './parse-letter.ts'
import type { BucketClient } from './s3-client.ts'

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
          yield* await Promise.all(
            group.map(async ({ key, bytes }): Promise<StoredLetter> => {
              const body =
                bytes > MAX_OBJECT_BYTES ? new LetterError('the object is too large') : await bucket.read(key)
              return { place: key, body }
            }),
          )
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
