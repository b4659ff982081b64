import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileCheckpointStore } from '../../../src/checkpoints/file.ts'
import { memoryCheckpointStore } from '../../../src/checkpoints/memory.ts'
import type { CheckpointStore } from '../../../src/checkpoints/store.ts'
import { checkpointStoreContract } from '../../../src/testing/contracts/checkpoint-store.ts'

describe('memoryCheckpointStore', () => {
  const store = memoryCheckpointStore()
  for (const { title, run } of checkpointStoreContract(() => store)) test(title, run)
})

describe('fileCheckpointStore', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'checkpoints-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  for (const { title, run } of checkpointStoreContract(() => fileCheckpointStore(folder))) test(title, run)
})

describe('the contract finds a store that', () => {
  const broken: [title: string, options: { detectsConflicts: boolean }, make: () => CheckpointStore][] = [
    ['forgets', { detectsConflicts: false }, () => ({ load: async () => undefined, save: async () => {} })],
    [
      'keeps one checkpoint for all names',
      { detectsConflicts: false },
      () => {
        const store = memoryCheckpointStore()
        return { load: () => store.load('x'), save: (_, token) => store.save('x', token) }
      },
    ],
    [
      'keeps the object that it was given',
      { detectsConflicts: false },
      () => {
        const tokens = new Map<string, unknown>()
        return {
          load: async (name) => tokens.get(name),
          save: async (name, token) => void tokens.set(name, token),
        }
      },
    ],
    [
      'drops unknown fields',
      { detectsConflicts: false },
      () => {
        const store = memoryCheckpointStore()
        return {
          load: store.load,
          save: (name, { version, streamArn, shards }) => store.save(name, { version, streamArn, shards }),
        }
      },
    ],
    [
      'cuts what is large',
      { detectsConflicts: false },
      () => {
        const store = memoryCheckpointStore()
        return {
          load: store.load,
          save: (name, token) => store.save(name, { ...token, shards: token.shards.slice(0, 4_000) }),
        }
      },
    ],
    ['does not notice another worker', { detectsConflicts: true }, memoryCheckpointStore],
  ]

  test.each(broken)('%s', async (_, options, make) => {
    const store = make()
    const runs = checkpointStoreContract(() => store, options).map(({ run }) => run())
    const failed = (await Promise.allSettled(runs)).filter(({ status }) => status === 'rejected')
    expect(failed).not.toHaveLength(0)
  })
})
