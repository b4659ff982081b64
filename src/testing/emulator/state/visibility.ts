import { namesOf } from '../../../core/options.ts'

/** How long something lasts: for a number of calls that would have shown it, or a time. Without either: until `show`. */
export interface Duration {
  readonly calls?: number | undefined
  readonly ms?: number | undefined
}

export const durationNames: readonly string[] = namesOf<Duration>({ calls: true, ms: true })

/** What DescribeStream shows otherwise than it is. */
export interface Visibility {
  hide(shardId: string, now: number, duration: Duration): void
  /** The shard looks open though it is closed. */
  showOpen(shardId: string, now: number, duration: Duration): void
  /** The shard is listed again though its retention is over. */
  showAgain(shardId: string): void
  /** Takes back all of the above. */
  show(shardId: string): void
  /** Whether the shard is left out of this listing; asking counts as a call. */
  hides(shardId: string, now: number): boolean
  showsOpen(shardId: string, now: number): boolean
  isShownAgain(shardId: string): boolean
}

interface Lasting {
  calls: number
  readonly until: number
}

export function createVisibility(): Visibility {
  const hidden = new Map<string, Lasting>()
  const open = new Map<string, Lasting>()
  const again = new Set<string>()
  return {
    hide: (shardId, now, duration) => void hidden.set(shardId, lasting(now, duration)),
    showOpen: (shardId, now, duration) => void open.set(shardId, lasting(now, duration)),
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

function lasting(now: number, { calls, ms }: Duration): Lasting {
  return {
    calls: calls ?? Number.POSITIVE_INFINITY,
    until: ms === undefined ? Number.POSITIVE_INFINITY : now + ms,
  }
}

function consume(states: Map<string, Lasting>, shardId: string, now: number): boolean {
  const state = states.get(shardId)
  if (!state) return false
  if (now >= state.until || state.calls <= 0) {
    states.delete(shardId)
    return false
  }
  state.calls -= 1
  return true
}
