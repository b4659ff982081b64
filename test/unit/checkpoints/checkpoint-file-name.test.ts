import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointFileName } from '../../../src/checkpoints/checkpoint-file-name.ts'
import { fileCheckpointStore } from '../../../src/checkpoints/file.ts'
import { numberedToken, numberIn } from '../../support/numbered-token.ts'

/** Names that lead out of a folder, that shells or file systems treat specially, or that look alike. */
const unusualNames: readonly string[] = [
  '../x',
  '..',
  '.',
  '/etc/passwd',
  'a/../../b',
  'a\\..\\b',
  'C:\\x',
  'x\0y',
  '~',
  '%2e%2e',
  '-rf',
  ' ',
  '\n',
  'a:b',
  'a.',
  'a ',
  'A',
  'a',
  'é',
  'e\u0301',
  'İ',
  'ı',
  'ß',
  'SS',
  'ſ',
  'K',
  '\u212a',
  'con',
  'nul',
  'x'.repeat(199),
  'x'.repeat(200),
  'x'.repeat(201),
  'X'.repeat(255),
  '\u{1f600}'.repeat(127),
]

/** Short names, many of whose characters some file systems treat as equal, and some arbitrary characters. */
const confusableName = fc.string({
  unit: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...'./\\%~aAkK\u212aıİſséé25:') },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
  ),
  minLength: 1,
  maxLength: 6,
})
const longName = fc
  .tuple(fc.constantFrom('a', 'A', 'ä', '/'), fc.integer({ min: 60, max: 210 }), confusableName)
  .map(([unit, length, end]) => unit.repeat(length) + end)

/** Folds a name like a file system that ignores case and Unicode normalization forms. */
const folded = (file: string) => file.toLowerCase().normalize('NFKC').toUpperCase()

describe('checkpointFileName', () => {
  test('the file name of any checkpoint consists of safe characters and is short', () => {
    fc.assert(
      fc.property(fc.oneof(confusableName, longName, fc.constantFrom(...unusualNames)), (name) => {
        const file = checkpointFileName(name)
        expect(file).toMatch(/^[a-z0-9_%~-][a-z0-9_.%~-]*\.json$/)
        expect(file.length).toBeLessThan(255 - 22)
      }),
      { numRuns: 1_000 },
    )
  })

  test('no two checkpoints share a file name, even on file systems that ignore case and Unicode forms', () => {
    const checkpointNames = fc.uniqueArray(fc.oneof({ weight: 9, arbitrary: confusableName }, longName), {
      minLength: 50,
      maxLength: 200,
    })
    fc.assert(
      fc.property(checkpointNames, (names) => {
        expect(new Set(names.map((name) => folded(checkpointFileName(name)))).size).toBe(names.length)
      }),
    )
  })
})

describe('fileCheckpointStore', () => {
  test('checkpoints with unusual names are stored separately, inside the folder', async () => {
    const root = await mkdtemp(join(tmpdir(), 'checkpoints-'))
    try {
      const store = fileCheckpointStore(join(root, 'folder'))
      for (const [number, name] of unusualNames.entries()) await store.save(name, numberedToken(number))
      for (const [number, name] of unusualNames.entries()) {
        expect(numberIn(await store.load(name))).toBe(number)
      }
      expect(await readdir(join(root, 'folder'))).toHaveLength(unusualNames.length)
      expect(await readdir(root)).toEqual(['folder'])
    } finally {
      await rm(root, { recursive: true })
    }
  })

  test('checkpoint names with lone surrogates are rejected, because their file names would be equal', async () => {
    const store = fileCheckpointStore(join(tmpdir(), 'never-created'))
    for (const name of ['\ud800', 'a\udbff']) {
      const rejection = { code: 'options.invalid', details: { option: 'name' } }
      await expect(store.load(name)).rejects.toMatchObject(rejection)
      await expect(store.save(name, numberedToken(1))).rejects.toMatchObject(rejection)
    }
  })
})
