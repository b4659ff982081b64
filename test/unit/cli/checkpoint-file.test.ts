import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkpointFile } from '../../../src/cli/checkpoint-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'checkpoint-file-'))
const token = {
  version: 1 as const,
  streamArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
  shards: [],
}

describe('checkpointFile', () => {
  test('a checkpoint file reports whether it existed when it was loaded', async () => {
    const missing = checkpointFile(join(folder, 'missing.json'))
    expect(await missing.load('')).toBeUndefined()
    expect(missing.isFound).toBe(false)
    const path = join(folder, 'found.json')
    writeFileSync(path, JSON.stringify(token))
    const found = checkpointFile(path)
    expect(await found.load('')).toEqual(token)
    expect(found.isFound).toBe(true)
  })

  test('a failed save is rejected with the reason alone, without the file name', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, '')
    const error = { message: 'a part of the path is a file, not a folder (ENOTDIR)' }
    await expect(checkpointFile(join(path, 'position.json')).save('', token)).rejects.toMatchObject(error)
  })

  test('a checkpoint file without a valid token is reported with --checkpoint and its path', async () => {
    const path = join(folder, 'other.json')
    writeFileSync(path, '{"version":2}')
    await expect(checkpointFile(path).load('')).rejects.toMatchObject({
      code: 'token.invalid',
      message: expect.stringMatching(/^--checkpoint .*other\.json: .*version/),
    })
  })
})
