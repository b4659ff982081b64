import { ShardForest } from '../../src/shards/shard-forest.ts'
import type { ShardDescription } from '../../src/streams-api/streams-api.ts'

/** The creation time of the first shard of a forest (ms since 1970). */
export const NOW: number = Date.UTC(2026, 0, 1)

let spacing = 0

/** The id, in the format of AWS, of the shard with this letter (`a` to `f`) in a picture. */
export function idOf(name: string): string {
  const createdAt = NOW + 'abcdef'.indexOf(name) * spacing
  return `shardId-${String(createdAt).padStart(20, '0')}-0000000${name}`
}

/**
 * Creates a forest from a picture: `'a > b c, c > d'` is a shard a with the children b and c, and d as the
 * child of c; `'a > b > c'` is a chain. Shards in parentheses are not listed, those with children are closed.
 */
export function drawForest(
  picture: string,
  { order, spacingMs = 0 }: { order?: string[]; spacingMs?: number } = {},
): {
  readonly forest: ShardForest
  /** Merges another listing of all shards, which starts and ends at `at` (monotonic ms). */
  list(how?: { hide?: string[]; open?: string[]; at?: number }): void
} {
  spacing = spacingMs
  const parents = new Map<string, string | undefined>()
  const hidden = new Set<string>()
  for (const chain of picture.split(',')) {
    let before: string | undefined
    for (const generation of chain.split('>')) {
      const siblings = generation.trim().split(/\s+/)
      for (const sibling of siblings) {
        const name = sibling.replace(/[()]/g, '')
        if (sibling.includes('(')) hidden.add(name)
        if (before !== undefined || !parents.has(name)) parents.set(name, before)
      }
      before = siblings[0]?.replace(/[()]/g, '')
    }
  }
  const forest = new ShardForest()
  const list: ReturnType<typeof drawForest>['list'] = ({ hide = [], open = [], at = 0 } = {}) => {
    const listing = { number: forest.startListing(), startedAt: at }
    const listed = (order ?? [...parents.keys()]).filter((name) => !hidden.has(name) && !hide.includes(name))
    forest.merge(listed.map((name) => describe(name, parents, open)))
    forest.completeListing(listing, NOW, at)
  }
  list()
  return { forest, list }
}

function describe(name: string, parents: Map<string, string | undefined>, open: string[]): ShardDescription {
  const parent = parents.get(name)
  const isClosed = [...parents.values()].includes(name) && !open.includes(name)
  return {
    shardId: idOf(name),
    parentShardId: parent === undefined ? undefined : idOf(parent),
    startingSequenceNumber: '1',
    endingSequenceNumber: isClosed ? '9' : undefined,
  }
}
