import { describe, expect, test, vi } from 'vitest'
import { createNotices } from '../../../src/cli/notices.ts'

describe('createNotices', () => {
  const retry = {
    operation: 'GetRecords',
    shardId: 'shardId-1-aa',
    attempt: 2,
    delayMs: 9,
    error: new Error('reset'),
  } as const

  test('retries are reported every few seconds, and not before the first response', () => {
    const lines: string[] = []
    let now = 0
    const firstResponse = { hasResponded: false, noteLastError: vi.fn() }
    const notices = createNotices({ log: (line) => lines.push(line), now: () => now, firstResponse })
    notices.retry(retry)
    expect(lines).toEqual([])
    expect(firstResponse.noteLastError.mock.calls).toEqual([[retry.error]])
    firstResponse.hasResponded = true
    notices.retry(retry)
    now = 4_999
    notices.retry(retry)
    expect(lines).toEqual(['GetRecords on shard aa failed on attempt 2 (reset); retrying'])
    now = 5_000
    notices.retry(retry)
    expect(lines).toHaveLength(2)
  })

  test('a checkpoint that cannot be saved is reported every few seconds, independently of other retries', () => {
    const lines: string[] = []
    let now = 0
    const firstResponse = { hasResponded: true, noteLastError: () => {} }
    const notices = createNotices({ log: (line) => lines.push(line), now: () => now, firstResponse })
    const failed = {
      operation: 'save' as const,
      name: '/ro/c.json',
      delayMs: 9,
      error: new Error('permission denied (EACCES)'),
    }
    notices.retry(retry)
    for (const attempt of [1, 2, 3]) notices.checkpointRetry({ ...failed, attempt })
    now = 5_000
    notices.checkpointRetry({ ...failed, attempt: 4 })
    expect(lines.slice(1)).toEqual([
      'saving the checkpoint /ro/c.json failed on attempt 1 (permission denied (EACCES)); retrying',
      'saving the checkpoint /ro/c.json failed on attempt 4 (permission denied (EACCES)); retrying',
    ])
  })
})
