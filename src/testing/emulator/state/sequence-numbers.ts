import {
  aBoolean,
  type Check,
  type Checks,
  check,
  checkOptions,
  wholeNumber,
} from '../../options/check-options.ts'
import { below, type Random } from './random.ts'

/** The format of the sequence numbers of a stream. */
export interface SequenceNumberFormat {
  /**
   * The starting sequence number of the first root shard, up to 40 digits. Other root shards start at random
   * numbers above it. Requests accept only numbers of 21 digits or more; see `digits`.
   * @default a random number of 21 digits
   */
  readonly start?: string | undefined
  /** The largest difference between consecutive sequence numbers, 1 or more. @default 1000 */
  readonly maxGap?: number | undefined
  /** Pads numbers with leading zeros to this many digits, as some emulators do. @default 0 (no padding) */
  readonly digits?: number | undefined
  /**
   * Whether the starting and ending sequence numbers of a shard are those of its first and last record, as in
   * DynamoDB Local. Otherwise they lie before the first and after the last record.
   * @default false
   */
  readonly tight?: boolean | undefined
}

export const aSequenceNumber: Check = check(
  (value) => typeof value === 'string' && parseSequenceNumber(value) !== undefined,
  'a sequence number, a string of up to 40 digits',
)

/** @throws StreamError `options.invalid` for an unknown name or a value that is out of range. */
export function checkSequenceNumberFormat(option: string, format: unknown): void {
  checkOptions(option, format, {
    start: aSequenceNumber,
    maxGap: wholeNumber(1),
    digits: wholeNumber(0, 40),
    tight: aBoolean,
  } satisfies Checks<SequenceNumberFormat>)
}

/**
 * Generates the sequence numbers of one stream. They are comparable within a lineage only, as in the service.
 */
export interface SequenceNumbers {
  /** Returns the starting number of the next root shard. */
  nextRoot(): bigint
  /** Returns a number above `last`. */
  next(last: bigint): bigint
  /** See {@link SequenceNumberFormat.tight}. */
  readonly tight: boolean
  format(value: bigint): string
}

export function sequenceNumbers(random: Random, format: SequenceNumberFormat = {}): SequenceNumbers {
  const maxGap = format.maxGap ?? 1000
  const digits = format.digits ?? 0
  let configuredStart = format.start === undefined ? undefined : BigInt(format.start)
  return {
    nextRoot: () => {
      const start = configuredStart ?? randomStart(random)
      if (configuredStart !== undefined) configuredStart += BigInt(1 + below(random, 1_000_000))
      return start
    },
    tight: format.tight ?? false,
    next: (last) => last + BigInt(1 + below(random, maxGap)),
    format: (value) => {
      const text = value.toString()
      return text.length < digits ? text.padStart(digits, '0') : text
    },
  }
}

function randomStart(random: Random): bigint {
  return BigInt(1 + below(random, 8)) * 10n ** 20n + BigInt(below(random, 1e15))
}

/** Parses a sequence number; returns `undefined` if it is invalid. */
export function parseSequenceNumber(text: string): bigint | undefined {
  return /^\d{1,40}$/.test(text) ? BigInt(text) : undefined
}
