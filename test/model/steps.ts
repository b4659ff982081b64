import type { Behavior, CallName, Profile } from '../../src/testing/index.ts'

/**
 * A history is data: what the world is like, and what happens in it, step by step. Shards, keys and tokens are chosen
 * by numbers that are taken modulo what there is, so that any part of a history is a history, and shrinking works.
 */
export interface History {
  /** Which sort of trouble it is about. */
  readonly kind: string
  readonly setup: Setup
  readonly steps: readonly Step[]
}

export interface Setup {
  /** Of the emulator's world and the reader's jitter. */
  readonly seed: number
  readonly profile: Profile
  readonly roots: number
  readonly startAt: Start
  readonly behavior: Partial<Behavior>
  readonly reader: ReaderSetup
  /** Each way of a call takes up to this long; see `latency.ts`. With 0 every response arrives at once. */
  readonly latencyMs: number
  /** How far the wall clock of the reader's machine is ahead of the service's at first. */
  readonly clockSkewMs: number
  /** How far the clock that dates the records is behind that of the service's front end. */
  readonly recordClockBehindMs: number
  /** How often every shard has rolled, once in four hours, before the reader starts. */
  readonly generationsBefore: number
  /** Through the SDK's client, and not the three-call view. */
  readonly throughClient: boolean
  /** Sequence numbers cross a length, or have leading zeros. */
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

/** How long something is not shown: for a number of calls, or a time. */
export type Span = { readonly calls: number } | { readonly ms: number }

/** What the service does, or is told to do by others than the reader. */
export type WorldStep =
  | { readonly do: 'write'; readonly how: 'put' | 'update' | 'remove'; readonly key: number }
  /** Many writes over all keys, with this much time between two. */
  | { readonly do: 'burst'; readonly records: number; readonly everyMs: number; readonly bytes: number }
  | {
      readonly do: 'split'
      readonly shard: number
      readonly into: number
      readonly hidden?: { readonly which: 'all' | 'first'; readonly span: Span }
    }
  | { readonly do: 'rollAll' }
  /** Several generations at once, each with a record or without. */
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
  /** DescribeStream is throttled for this long; and with `notFound`, the next read of this shard is answered so. */
  | { readonly do: 'outage'; readonly ms: number; readonly notFound: number | undefined }
  /**
   * The reader's process is suspended, and what falls due comes late. While the machine is asleep, the monotonic clock
   * is suspended too.
   */
  | {
      readonly do: 'suspend'
      readonly ms: number
      readonly isAsleep: boolean
      /** What happens halfway. */
      readonly meanwhile: readonly WorldStep[]
    }
  /** Sets the wall clock of the reader's machine forward or back. */
  | { readonly do: 'setClock'; readonly byMs: number }
  /** Trims a part of what is older than the retention of 24 hours. */
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
  /** At most once in ten minutes, and of shards only that cannot be trimmed. */
  | 'notFound'
  | 'emptyPage'
  | 'samePage'
  | 'noNext'

/** What happens in the middle of something else. */
export type Interruption =
  /** Just before the n-th of such calls reaches the service, or while its response is on the way. */
  | {
      readonly do: 'during'
      readonly call: CallName
      readonly nth: number
      readonly moment: 'before' | 'after'
      readonly step: WorldStep
    }
  | { readonly do: 'later'; readonly ms: number; readonly step: WorldStep }

/** What the reader does. */
export type ReaderStep =
  /** `width` calls at a time, `times` times, with a pause after each. */
  | { readonly do: 'next'; readonly times: number; readonly width: number; readonly pauseMs: number }
  | { readonly do: 'drain' }
  | { readonly do: 'heartbeat'; readonly whileReading: boolean }
  /** Keeps a token for later. */
  | { readonly do: 'save' }
  /** A new reader, from the token of now or one that was saved. */
  | { readonly do: 'reload'; readonly token: number | 'now'; readonly pageSize: number }
  | {
      readonly do: 'moveTo'
      readonly to: Start | { readonly token: number }
      readonly whileReading: boolean
    }
  | { readonly do: 'pause'; readonly ms: number }
  /** Closes while `next` waits, this long after it was called; then a new reader from the token of then. */
  | { readonly do: 'closeMidRead'; readonly afterMs: number }

export type Step = WorldStep | Interruption | ReaderStep
