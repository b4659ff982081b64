import { expect, it } from 'vitest'
import { Frontier } from '../../../src/coordinator/frontier.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import type { ShardNode, ShardState } from '../../../src/shards/shard.ts'
import { drawForest, idOf } from '../../support/forest.ts'

/** A frontier with all shards of a picture (see `drawForest`), in these states. */
function frontierOf(picture: string, states: Record<string, ShardState>) {
  const { forest } = drawForest(picture)
  const frontier = new Frontier(forest)
  const node = (name: string) => forest.get(idOf(name)) as ShardNode
  for (const each of forest.nodes()) frontier.add(each)
  for (const [name, state] of Object.entries(states)) node(name).state = state
  const names = () => [...frontier.nodes()].map(({ shardId }) => shardId.slice(-1)).join('')
  const token = () =>
    frontier
      .token('arn')
      .shards.map(({ shardId }) => shardId.slice(-1))
      .join('')
  return { frontier, node, names, token }
}

it('a finished shard leaves the frontier when one of its children is started, even if no token is read', () => {
  const { frontier, node, names } = frontierOf('a > b c', { a: 'finished' })
  frontier.prune(node('a'))
  expect(names()).toBe('abc')
  node('b').state = 'reading'
  frontier.prune(node('a'))
  expect(names()).toBe('bc')
})

it('a finished shard stays in the frontier until all of its records are acknowledged', () => {
  const { frontier, node, names, token } = frontierOf('a > b', { a: 'finished', b: 'reading' })
  const delivery = node('a').ledger.deliver({} as StreamRecord, '5')
  frontier.pruneAll()
  expect(names()).toBe('ab')
  expect(token()).toBe('ab')
  delivery.settle()
  frontier.pruneAll()
  expect(names()).toBe('b')
})

it('a finished shard without children stays in the frontier, unless it has expired', () => {
  const { frontier, node, names } = frontierOf('a, b', { a: 'finished', b: 'finished' })
  frontier.pruneAll()
  expect(names()).toBe('ab')
  node('a').expired = true
  frontier.pruneAll()
  expect(names()).toBe('b')
})

it('all superseded shards leave the frontier at once', () => {
  const { frontier, names, token } = frontierOf('a > b > c > d', {
    a: 'finished',
    b: 'finished',
    c: 'finished',
    d: 'reading',
  })
  frontier.pruneAll()
  expect(names()).toBe('d')
  expect(frontier.size).toBe(1)
  expect(token()).toBe('d')
})

it('pruning an unknown shard does nothing', () => {
  const { frontier, names } = frontierOf('a', {})
  frontier.prune(undefined)
  expect(names()).toBe('a')
})

it('a finished shard without records of the requested time is marked as skipped, unless a record is not acknowledged', () => {
  const { frontier, node } = frontierOf('a', { a: 'finished' })
  const entry = () => {
    const [{ at, state } = {}] = frontier.token('arn').shards
    return { at, state }
  }
  node('a').start = { since: 5_000 }
  expect(entry()).toEqual({ at: { since: 5_000 }, state: 'skipped' })
  node('a').ledger.deliver({} as StreamRecord, '5')
  expect(entry()).toEqual({ at: { since: 5_000 }, state: undefined })
})
