import { describe, expect, test } from 'vitest'
import { drawShardTree, shortShardIds } from '../../../src/cli/format-shards.ts'

describe('drawShardTree', () => {
  /** Parses pairs of a parent and a child, such as `a>b`. */
  const shards = (picture: string) =>
    picture.split(' ').map((pair) => {
      const [parent, child] = pair.split('>') as [string, string | undefined]
      return child === undefined
        ? { shardId: parent, parentId: undefined, label: parent }
        : { shardId: child, parentId: parent, label: child }
    })

  test('shards with one child each are drawn on one line', () => {
    expect(drawShardTree(shards('a a>b b>c x'))).toEqual(['a → b → c', 'x'])
  })

  test('the drawing branches where a shard was split', () => {
    expect(drawShardTree(shards('a a>b a>c b>d b>e c>f f>g f>h'))).toEqual([
      'a',
      '├─ b',
      '│  ├─ d',
      '│  └─ e',
      '└─ c → f',
      '   ├─ g',
      '   └─ h',
    ])
  })

  test('a shard whose parent is not listed is drawn as a root', () => {
    expect(drawShardTree(shards('gone>a a>b'))).toEqual(['a → b'])
  })
})

describe('shortShardIds', () => {
  test('shards are named by the end of their id unless that is ambiguous', () => {
    const names = shortShardIds(['shardId-1-aaaaaaaa1', 'shardId-2-aaaaaaaa2', 'shardId-3-bbbbbbbb1'])
    expect([...names.values()]).toEqual(['shardId-1-aaaaaaaa1', 'shardId-2-aaaaaaaa2', 'bbbbbbbb'])
  })
})
