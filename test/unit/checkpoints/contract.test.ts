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

describe('checkpointStoreContract', () => {
  const brokenStores: [
    title: string,
    options: { detectsConflicts: boolean },
    create: () => CheckpointStore,
  ][] = [
    [
      'forgets checkpoints',
      { detectsConflicts: false },
      () => ({ load: async () => undefined, save: async () => {} }),
    ],
    [
      'stores one checkpoint for all names',
      { detectsConflicts: false },
      () => {
        const store = memoryCheckpointStore()
        return { load: () => store.load('x'), save: (_, token) => store.save('x', token) }
      },
    ],
    [
      'keeps a reference to the saved token',
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
      'truncates large tokens',
      { detectsConflicts: false },
      () => {
        const store = memoryCheckpointStore()
        return {
          load: store.load,
          save: (name, token) => store.save(name, { ...token, shards: token.shards.slice(0, 4_000) }),
        }
      },
    ],
    ['does not detect another worker', { detectsConflicts: true }, memoryCheckpointStore],
  ]

  test.each(brokenStores)('the contract fails for a store that %s', async (_, options, create) => {
    const store = create()
    const runs = checkpointStoreContract(() => store, options).map(({ run }) => run())
    const failed = (await Promise.allSettled(runs)).filter(({ status }) => status === 'rejected')
    expect(failed).not.toHaveLength(0)
  })
})
