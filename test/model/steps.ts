import type { Behavior, CallName, Profile } from '../../src/testing/index.ts'

/**
 * A history is data: the setup of the world, and the steps. Shards, keys and tokens are selected by numbers
 * modulo what exists, so that every subsequence of steps is a valid history, as shrinking requires.
 */
export interface History {
  /** The name of the kind; see `histories.ts`. */
  readonly kind: string
  readonly setup: Setup
  readonly steps: readonly Step[]
}

export interface Setup {
  /** The seed of the emulator and of the reader's jitter. */
  readonly seed: number
  readonly profile: Profile
  readonly roots: number
  readonly startAt: Start
  readonly behavior: Partial<Behavior>
  readonly reader: ReaderSetup
  /**
   * The longest time that a request or a response usually takes, in ms; see `latency.ts`. With 0, responses
   * are immediate.
   */
  readonly latencyMs: number
  /** How far the wall clock of the reader's machine is initially ahead of the service's, in ms. */
  readonly clockSkewMs: number
  /** How far the clock that dates the records is behind that of the service's front end, in ms. */
  readonly recordClockBehindMs: number
  /** How many times every shard has rolled, at intervals of four hours, before the reader starts. */
  readonly generationsBefore: number
  /** Whether the reader uses the SDK's client instead of the three-call view. */
  readonly throughClient: boolean
  /** `crossing`: sequence numbers grow by a digit during the history; `padded`: they have leading zeros. */
  readonly numbers: 'plain' | 'crossing' | 'padded'
}

export interface ReaderSetup {
  readonly onGap: 'throw' | 'continue'
  readonly pageSize: number
  readonly maxConcurrentReads: number
  readonly maxBufferedBytes: number
  readonly idlePollMs: { readonly min: number; readonly max: number }
  readonly discoveryIntervalMs: number
}

export type Start = 'trim_horizon' | 'latest' | { readonly agoMs: number }

/** How long something is hidden: for a number of calls, or for a time in ms. */
export type Span = { readonly calls: number } | { readonly ms: number }

/** What happens to the service, the table, and the reader's machine. */
export type WorldStep =
  | { readonly do: 'write'; readonly how: 'put' | 'update' | 'remove'; readonly key: number }
  /** `records` writes over all keys, `everyMs` apart. */
  | { readonly do: 'burst'; readonly records: number; readonly everyMs: number; readonly bytes: number }
  | {
      readonly do: 'split'
      readonly shard: number
      readonly into: number
      readonly hidden?: { readonly which: 'all' | 'first'; readonly span: Span }
    }
  | { readonly do: 'rollAll' }
  /** Rolls a shard `count` times at once; with `written`, each generation receives a record. */
  | { readonly do: 'generations'; readonly shard: number; readonly count: number; readonly written: boolean }
  | { readonly do: 'closeShard'; readonly shard: number }
  | { readonly do: 'hide'; readonly shard: number; readonly span: Span }
  /** Hides a shard whose children are listed. */
  | { readonly do: 'hideParent'; readonly shard: number; readonly span: Span }
  | { readonly do: 'showOpen'; readonly shard: number; readonly span: Span }
  | { readonly do: 'showAgain'; readonly shard: number }
  | { readonly do: 'expire'; readonly shard: number | undefined }
  | { readonly do: 'setBehavior'; readonly as: Partial<Behavior> }
  | {
      readonly do: 'fault'
      readonly call: CallName
      readonly shard: number | undefined
      readonly nth: number
      readonly times: number
      readonly effect: FaultName
    }
  /**
   * DescribeStream is throttled for `ms`. With `notFound`, the next read of that shard fails with "not
   * found".
   */
  | { readonly do: 'outage'; readonly ms: number; readonly notFound: number | undefined }
  /**
   * The reader's process is suspended, so that its timers fire late. While the machine is asleep, the
   * monotonic clock is suspended too.
   */
  | {
      readonly do: 'suspend'
      readonly ms: number
      readonly isAsleep: boolean
      /** Steps that happen halfway through the suspension. */
      readonly meanwhile: readonly WorldStep[]
    }
  /** Sets the wall clock of the reader's machine forward or backward. */
  | { readonly do: 'setClock'; readonly byMs: number }
  /** Trims a share of the records that are older than the retention of 24 hours. */
  | { readonly do: 'trim'; readonly shard: number; readonly share: number }
  | { readonly do: 'disable' }
  | { readonly do: 'deleteTable' }

export type FaultName =
  | 'throttled'
  | 'limited'
  | 'broken'
  | 'unavailable'
  | 'expired'
  | 'resetBefore'
  | 'resetAfter'
  | 'hang'
  | 'slow'
  | 'truncated'
  | 'html'
  | 'denied'
  | 'expiredToken'
  /** At most once in ten minutes, and only for shards that cannot be trimmed yet. */
  | 'notFound'
  | 'emptyPage'
  | 'samePage'
  | 'noNext'

/** A step of the world that happens during another step. */
export type Interruption =
  /** Just before the n-th such call reaches the service, or while its response is in flight. */
  | {
      readonly do: 'during'
      readonly call: CallName
      readonly nth: number
      readonly moment: 'before' | 'after'
      readonly step: WorldStep
    }
  | { readonly do: 'later'; readonly ms: number; readonly step: WorldStep }

/** A step of the reader. */
export type ReaderStep =
  /** `times` rounds of `width` concurrent calls of `next()`, with a pause after each round. */
  | { readonly do: 'next'; readonly times: number; readonly width: number; readonly pauseMs: number }
  | { readonly do: 'drain' }
  | { readonly do: 'heartbeat'; readonly whileReading: boolean }
  /** Saves the current token for later. */
  | { readonly do: 'save' }
  /** Replaces the reader by a new one that loads the current token or a saved one. */
  | { readonly do: 'reload'; readonly token: number | 'now'; readonly pageSize: number }
  | {
      readonly do: 'moveTo'
      readonly to: Start | { readonly token: number }
      readonly whileReading: boolean
    }
  | { readonly do: 'pause'; readonly ms: number }
  /**
   * Closes the reader `afterMs` after a call of `next()`, while it is pending, and replaces it by one that
   * loads its token.
   */
  | { readonly do: 'closeMidRead'; readonly afterMs: number }

export type Step = WorldStep | Interruption | ReaderStep
