import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseStartPosition } from '../../../src/cli/start-position.ts'

const folder = mkdtempSync(join(tmpdir(), 'start-position-'))
const token = {
  version: 1 as const,
  streamArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
  shards: [],
}

describe('parseStartPosition', () => {
  test.each(['trim_horizon', 'TRIM_HORIZON', 'latest', 'LATEST'])(
    'the word %s is accepted as a start position',
    async (word) => {
      expect(await parseStartPosition(word)).toBe(word.toLowerCase())
    },
  )

  test.each([
    ['2026-01-01', '2026-01-01T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2026-01-31T23:00:00-02:00', '2026-02-01T01:00:00.000Z'],
    ['2026-01-01T12:00Z', '2026-01-01T12:00:00.000Z'],
    ['2026-01-01T12:00:30.5+02:00', '2026-01-01T10:00:30.500Z'],
  ])('the time %s is accepted as a start position', async (text, time) => {
    expect(await parseStartPosition(text)).toEqual(new Date(time))
  })

  test('a file that contains a token is accepted as a start position', async () => {
    const path = join(folder, 'token.json')
    writeFileSync(path, JSON.stringify(token))
    expect(await parseStartPosition(path)).toEqual(token)
  })

  test.each([
    'yesterday',
    '2026-13-01',
    '2026-02-31',
    '2026-02-29T12:00Z',
    '2026-04-31t12:00',
    '2026-01-01T25:00Z',
    '12:00',
    '',
  ])('"%s" is rejected as a start position', async (text) => {
    await expect(parseStartPosition(text)).rejects.toMatchObject({ code: 'usage' })
  })

  test('a file without a valid token is reported with --from and its path', async () => {
    const path = join(folder, 'other.json')
    writeFileSync(path, '{"version":2}')
    const error = {
      code: 'token.invalid',
      message: expect.stringMatching(/^--from .*other\.json: .*version/),
    }
    await expect(parseStartPosition(path)).rejects.toMatchObject(error)
  })
})
