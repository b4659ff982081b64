import { type Checks, limit, numberFrom } from '../../options/check-options.ts'

/**
 * How long DescribeStream differs from the actual state. With both limits, the first one reached ends it.
 * Without either, it lasts until `StreamEmulator.show`.
 */
export interface Duration {
  /** The number of DescribeStream calls that would list the shard. */
  readonly calls?: number | undefined
  /** The time in ms on the service's clock. */
  readonly ms?: number | undefined
}

export const durationChecks: Checks<Duration> = { calls: limit(0), ms: numberFrom(0) }

/** The differences between what DescribeStream lists and the actual state of shards. */
export interface Visibility {
  hide(shardId: string, now: number, duration: Duration): void
  /** Lists a closed shard as open. */
  showOpen(shardId: string, now: number, duration: Duration): void
  /** Lists an expired shard again. */
  showAgain(shardId: string): void
  /** Undoes `hide`, `showOpen` and `showAgain`. */
  show(shardId: string): void
  /** Whether the shard is omitted from this listing. Counts as one call. */
  hides(shardId: string, now: number): boolean
  /** Whether the shard is listed as open. Counts as one call. */
  showsOpen(shardId: string, now: number): boolean
  isShownAgain(shardId: string): boolean
}

interface Override {
  calls: number
  readonly until: number
}

export function createVisibility(): Visibility {
  const hidden = new Map<string, Override>()
  const open = new Map<string, Override>()
  const again = new Set<string>()
  return {
    hide: (shardId, now, duration) => void hidden.set(shardId, createOverride(now, duration)),
    showOpen: (shardId, now, duration) => void open.set(shardId, createOverride(now, duration)),
    showAgain: (shardId) => void again.add(shardId),
    show: (shardId) => {
      hidden.delete(shardId)
      open.delete(shardId)
      again.delete(shardId)
    },
    hides: (shardId, now) => hidden.size > 0 && consume(hidden, shardId, now),
    showsOpen: (shardId, now) => open.size > 0 && consume(open, shardId, now),
    isShownAgain: (shardId) => again.has(shardId),
  }
}

function createOverride(now: number, { calls, ms }: Duration): Override {
  return {
    calls: calls ?? Number.POSITIVE_INFINITY,
    until: ms === undefined ? Number.POSITIVE_INFINITY : now + ms,
  }
}

function consume(overrides: Map<string, Override>, shardId: string, now: number): boolean {
  const override = overrides.get(shardId)
  if (!override) return false
  if (now >= override.until || override.calls <= 0) {
    overrides.delete(shardId)
    return false
  }
  override.calls -= 1
  return true
}
