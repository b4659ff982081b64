import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fileDestination } from '../../../src/destinations/file.ts'
import type { StreamRecord } from '../../../src/records/stream-record.ts'
import { fileSource } from '../../../src/redrive/file-source.ts'
import type { HandledLetters, LetterSource } from '../../../src/redrive/letter-source.ts'
import { LetterError } from '../../../src/redrive/parse-letter.ts'
import { redrive } from '../../../src/redrive/redrive.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { letterOf } from '../../support/dead-letters.ts'
import { letterJson, recordNumber, redriveWith } from './redrive-subject.ts'

function newPath(): string {
  return join(mkdtempSync(join(tmpdir(), 'redrive-')), 'letters.jsonl')
}

function fileWith(...lines: readonly string[]): string {
  const path = newPath()
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  return path
}

/** Redrives a file. Letters of the items in `fails` fail. */
async function redriveFile(path: string, handled: HandledLetters = 'mark', ...fails: readonly string[]) {
  const clock = new ManualClock()
  const order: string[] = []
  const logged: string[] = []
  const handler = ({ keys, sequenceNumber }: StreamRecord) => {
    if (fails.includes(String(keys.id))) throw new Error('It always fails.')
    order.push(`${keys.id}${sequenceNumber}`)
  }
  const source = fileSource(path, { handled, clock, log: (line) => void logged.push(line) })
  const { options, reported } = redriveWith(source, { handler, retry: { maxAttempts: 1 } }, { clock })
  const { summary, failure } = await clock.run(redrive(options))
  return { order, summary, failure, logged, reported }
}

async function bodiesOf(source: LetterSource): Promise<readonly (readonly [string, string | LetterError])[]> {
  const found: (readonly [string, string | LetterError])[] = []
  for await (const { place, body } of source.letters(new AbortController().signal)) found.push([place, body])
  return found
}

describe('reading', () => {
  test('the letters that fileDestination has written are handled, in order per item', async () => {
    const path = newPath()
    const destination = fileDestination(path)
    for (const [number, key] of [
      [2, 'a'],
      [3, 'b'],
      [1, 'a'],
    ] as const) {
      await destination.send(letterOf({ record: recordNumber(number, key) }))
    }
    const { order, summary } = await redriveFile(path)
    expect(order.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2'])
    expect(summary).toMatchObject({ found: 3, handled: 3 })
  })

  test('blank lines are skipped, and other lines are numbered from 1', async () => {
    const path = fileWith('', letterJson(1, 'a'), '   ', 'no letter', '\r', letterJson(2, 'a'))
    const { order, summary, reported } = await redriveFile(path)
    expect(order).toEqual(['a1', 'a2'])
    expect(reported).toContain('malformed 4')
    expect(summary).toMatchObject({ found: 3, malformed: 1 })
  })

  test('lines of any length are read whole, also without a final line feed and with multi-byte characters', async () => {
    const lines = [
      'a',
      'é'.repeat(40_000),
      '𝄞'.repeat(100_000),
      'x'.repeat(65_536),
      'x'.repeat(65_535),
      '\u2028',
      'end',
    ]
    const path = newPath()
    writeFileSync(path, lines.join('\n'))
    const source = fileSource(path, { handled: 'mark', clock: new ManualClock(), log() {} })
    const found = await bodiesOf(source)
    // U+2028 is white space, so that line is blank.
    expect(found.map(([, body]) => body)).toEqual(lines.filter((line) => line !== '\u2028'))
    for (const [place, body] of found) expect(await source.readAgain?.(place)).toBe(body)
    await source.close()
  })

  test('a line of more than 64 MiB is malformed, and the next one is read', async () => {
    const path = newPath()
    writeFileSync(path, Buffer.concat([Buffer.alloc(64 * 1_048_576 + 1, 'x'), Buffer.from('\nnext\n')]))
    const source = fileSource(path, { handled: 'mark', clock: new ManualClock(), log() {} })
    expect(await bodiesOf(source)).toEqual([
      ['1', new LetterError('the line is too long')],
      ['2', 'next'],
    ])
    await source.close()
    rmSync(path)
  })

  test.each([
    [
      'does not exist',
      newPath(),
      /^Cannot read .*letters\.jsonl: it does not exist \(ENOENT\)\.$/,
      'notFound',
    ],
    ['is a folder', tmpdir(), /^Cannot read .*: .+\.$/, 'failed'],
    ['is not a regular file', '/dev/null', /^Cannot read \/dev\/null: it is not a regular file\.$/, 'failed'],
  ])('a file that %s is an error', async (_, path, message, kind) => {
    const { failure } = await redriveFile(path)
    expect(failure?.error).toMatchObject({ kind, message: expect.stringMatching(message) })
  })

  test('a line that was changed after it was read is an error', async () => {
    const path = fileWith('first', 'second')
    const source = fileSource(path, { handled: 'mark', clock: new ManualClock(), log() {} })
    await bodiesOf(source)
    writeFileSync(path, 'other\nsecond\n')
    await expect(source.readAgain?.('1')).rejects.toThrow(`Cannot read ${path}: it was changed meanwhile.`)
    expect(await source.readAgain?.('2')).toBe('second')
    await source.close()
  })
})

describe('letters that were handled', () => {
  test('by default they are marked in a second file, so that a second redrive handles only the others', async () => {
    const path = fileWith(letterJson(1, 'a'), letterJson(2, 'b'), letterJson(3, 'b'))
    const before = readFileSync(path, 'utf8')
    const first = await redriveFile(path, 'mark', 'b')
    expect(first.order).toEqual(['a1'])
    expect(statSync(`${path}.redriven`).mode & 0o777).toBe(0o600)
    expect(readFileSync(`${path}.redriven`, 'utf8')).not.toContain('order')
    const second = await redriveFile(path)
    expect(second.order).toEqual(['b2', 'b3'])
    expect(second.summary).toMatchObject({ found: 2, handled: 2, handledBefore: 1 })
    expect((await redriveFile(path)).summary).toMatchObject({ found: 0, handledBefore: 3 })
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  test('a letter of the same record that is appended later is handled: the record was given up again', async () => {
    const path = fileWith(letterJson(1, 'a'))
    await redriveFile(path)
    appendFileSync(path, `${letterJson(1, 'a', { attempts: 4 })}\n`)
    expect((await redriveFile(path)).order).toEqual(['a1'])
  })

  test('an incomplete mark, after a crash, is ignored, and later marks are read', async () => {
    const path = fileWith(letterJson(1, 'a'), letterJson(2, 'b'))
    writeFileSync(`${path}.redriven`, '{"line":"abc')
    expect((await redriveFile(path)).order.toSorted()).toEqual(['a1', 'b2'])
    expect((await redriveFile(path)).order).toEqual([])
  })

  test('with keep they are handled again, except those that were marked before', async () => {
    const path = fileWith(letterJson(1, 'a'), letterJson(2, 'b'))
    await redriveFile(path, 'mark', 'b')
    expect((await redriveFile(path, 'keep')).order).toEqual(['b2'])
    expect((await redriveFile(path, 'keep')).order).toEqual(['b2'])
  })

  test('with delete, the file is deleted once all its letters are handled', async () => {
    const path = fileWith(letterJson(1, 'a'), letterJson(2, 'b'))
    const first = await redriveFile(path, 'delete', 'b')
    expect(first.logged).toEqual([
      `${path} is not deleted, because it contains letters that were not handled`,
    ])
    expect(existsSync(path)).toBe(true)
    const second = await redriveFile(path, 'delete')
    expect(second).toMatchObject({ order: ['b2'], logged: [] })
    expect([path, `${path}.redriven`, `${path}.handled`].filter(existsSync)).toEqual([])
  })

  test('with delete, a file to which a letter was appended meanwhile is kept, with its marks', async () => {
    const path = fileWith(letterJson(1, 'a'))
    const clock = new ManualClock()
    const logged: string[] = []
    const source = fileSource(path, { handled: 'delete', clock, log: (line) => void logged.push(line) })
    const { options } = redriveWith(source, () => appendFileSync(path, `${letterJson(2, 'a')}\n`), { clock })
    await clock.run(redrive(options))
    expect(logged).toEqual([`${path} is not deleted, because letters were appended to it: redrive it again`])
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(3)
    expect(existsSync(`${path}.handled`)).toBe(false)
    expect((await redriveFile(path)).order).toEqual(['a2'])
  })

  test('with delete, a letter is not lost if it is appended while the file is being deleted', async () => {
    const path = fileWith(letterJson(1, 'a'))
    const clock = new ManualClock()
    const logged: string[] = []
    const source = fileSource(path, { handled: 'delete', clock, log: (line) => void logged.push(line) })
    // A worker that had opened the file before appends to it, and another one creates the file again.
    clock.setTimer(500, () => {
      appendFileSync(`${path}.handled`, `${letterJson(2, 'a')}\n`)
      writeFileSync(path, `${letterJson(3, 'a')}\n`)
    })
    await clock.run(redrive(redriveWith(source, () => {}, { clock }).options))
    expect(logged).toEqual([
      `the letters are in ${path}.handled, because ${path} was created again`,
      `${path} is not deleted, because letters were appended to it: redrive it again`,
    ])
    expect(readFileSync(path, 'utf8')).toBe(`${letterJson(3, 'a')}\n`)
    expect(readFileSync(`${path}.handled`, 'utf8')).toContain(letterJson(2, 'a'))
  })

  test('a mark that cannot be written ends the redrive', async () => {
    const path = fileWith(letterJson(1, 'a'), letterJson(2, 'a'))
    const clock = new ManualClock()
    const source = fileSource(path, { handled: 'mark', clock, log() {} })
    const { options, reported } = redriveWith(
      source,
      () => {
        rmSync(join(path, '..'), { recursive: true })
        writeFileSync(join(path, '..'), 'not a folder')
      },
      { clock },
    )
    const { failure, summary } = await clock.run(redrive(options))
    expect(failure?.error).toMatchObject({
      message: expect.stringMatching(/^Cannot write .*\.redriven: .+\.$/),
    })
    expect(reported).toContain('notRemoved 1')
    expect(summary).toMatchObject({ handled: 0, notStarted: 1 })
  })
})
