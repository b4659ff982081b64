import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointFileName } from '../../../src/checkpoints/checkpoint-file-name.ts'
import { fileCheckpointStore } from '../../../src/checkpoints/file.ts'
import { numberedToken, numberIn } from '../../support/numbered-token.ts'

/** Names that lead out of a folder, that a shell or a file system treats specially, or that look like each other. */
const nastyNames: readonly string[] = [
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

/** Names of a few characters, many of which are the same to some file systems; and of any characters. */
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

/** As a file system compares names that ignores case and forms of Unicode. */
const folded = (file: string) => file.toLowerCase().normalize('NFKC').toUpperCase()

describe('the name of a checkpoint file', () => {
  test('is plain and short, whatever the name of the checkpoint', () => {
    fc.assert(
      fc.property(fc.oneof(confusableName, longName, fc.constantFrom(...nastyNames)), (name) => {
        const file = checkpointFileName(name)
        expect(file).toMatch(/^[a-z0-9_%~-][a-z0-9_.%~-]*\.json$/)
        expect(file.length).toBeLessThan(255 - 22)
      }),
      { numRuns: 1_000 },
    )
  })

  test('is shared by no two checkpoints, also where case and forms of Unicode do not count', () => {
    const names = fc.uniqueArray(fc.oneof({ weight: 9, arbitrary: confusableName }, longName), {
      minLength: 50,
      maxLength: 200,
    })
    fc.assert(
      fc.property(names, (some) => {
        expect(new Set(some.map((name) => folded(checkpointFileName(name)))).size).toBe(some.length)
      }),
    )
  })
})

describe('checkpoints with nasty names', () => {
  test('are kept apart, inside the folder', async () => {
    const root = await mkdtemp(join(tmpdir(), 'checkpoints-'))
    try {
      const store = fileCheckpointStore(join(root, 'folder'))
      for (const [number, name] of nastyNames.entries()) await store.save(name, numberedToken(number))
      for (const [number, name] of nastyNames.entries()) {
        expect(numberIn(await store.load(name))).toBe(number)
      }
      expect(await readdir(join(root, 'folder'))).toHaveLength(nastyNames.length)
      expect(await readdir(root)).toEqual(['folder'])
    } finally {
      await rm(root, { recursive: true })
    }
  })

  test('that are not well-formed are refused: in a file name, all of them would be the same', async () => {
    const store = fileCheckpointStore(join(tmpdir(), 'never-made'))
    for (const name of ['\ud800', 'a\udbff']) {
      const refused = { code: 'options.invalid', details: { option: 'name' } }
      await expect(store.load(name)).rejects.toMatchObject(refused)
      await expect(store.save(name, numberedToken(1))).rejects.toMatchObject(refused)
    }
  })
})
