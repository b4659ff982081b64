import { below, type Random } from './random.ts'

/** How the sequence numbers of a stream look. */
export interface SequenceNumberFormat {
  /** The first root shard starts here, the others at random above it. 21 to 40 digits. @default a random number of 21 digits */
  readonly start?: string | undefined
  /** The largest step from one number to the next, 1 or more. @default 1000 */
  readonly maxGap?: number | undefined
  /** Numbers are filled up with leading zeros to this many digits, as some emulators do. @default 0 (no zeros) */
  readonly digits?: number | undefined
  /**
   * Whether a shard's starting number is that of its first record, and its ending number that of its last one, as
   * with DynamoDB Local. Otherwise they lie before and behind. @default false
   */
  readonly tight?: boolean | undefined
}

/** Makes the sequence numbers of one stream. They mean something inside a lineage only, as in the service. */
export interface SequenceNumbers {
  /** Where the next root shard starts. */
  root(): bigint
  /** A number above `last`. */
  after(last: bigint): bigint
  /** See {@link SequenceNumberFormat.tight}. */
  readonly tight: boolean
  text(value: bigint): string
}

export function sequenceNumbers(random: Random, format: SequenceNumberFormat = {}): SequenceNumbers {
  const maxGap = format.maxGap ?? 1000
  const digits = format.digits ?? 0
  let given = format.start === undefined ? undefined : BigInt(format.start)
  return {
    root: () => {
      const start = given ?? randomStart(random)
      if (given !== undefined) given += BigInt(1 + below(random, 1_000_000))
      return start
    },
    tight: format.tight ?? false,
    after: (last) => last + BigInt(1 + below(random, maxGap)),
    text: (value) => {
      const text = value.toString()
      return text.length < digits ? text.padStart(digits, '0') : text
    },
  }
}

function randomStart(random: Random): bigint {
  return BigInt(1 + below(random, 8)) * 10n ** 20n + BigInt(below(random, 1e15))
}

/** The number in `text`; undefined when it isn't one. */
export function parseSequenceNumber(text: string): bigint | undefined {
  return /^\d{1,40}$/.test(text) ? BigInt(text) : undefined
}
