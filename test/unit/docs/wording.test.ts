import { describe, expect, it } from 'vitest'
import { parseMarkdown } from '../../../scripts/docs/markdown.ts'
import { checkSource, checkWording } from '../../../scripts/docs/wording.ts'

/** The lines at which a source file has refused terms or is too wide. */
function linesRefused(path: string, text: string): number[] {
  return checkSource(path, text)
    .map(({ line }) => line)
    .sort((one, other) => one - other)
}

describe('the check of wording', () => {
  it('the check of wording refuses a term in each kind of comment, even where it is wrapped', () => {
    const text = [
      '/** A record that was told. */',
      'export const a = 1 // The heirs of a shard.',
      '// Then reading goes',
      '// on.',
      '/*',
      ' * Records are given',
      ' * out.',
      ' */',
    ].join('\n')
    expect(linesRefused('test/a.ts', text)).toEqual([1, 2, 3, 6])
  })

  it('the check of wording refuses a term in the messages of the sources and in the titles of tests', () => {
    const message = 'throw new Error(`The shard was passed over`)'
    expect(linesRefused('src/a.ts', message)).toEqual([1])
    const title = "describe('a shard', () => {\n  it.each([['an heir']])('%s is told', () => {})\n})"
    expect(linesRefused('test/a.test.ts', title)).toEqual([2, 2])
  })

  it('the check of wording ignores code, names and the data of tests', () => {
    const text = [
      '/** Calls `begin`, and returns the `heirs` of a text/plain part. */',
      "const told = begin('heirs')",
      "it('returns the children', () => { expect(read('it is told')).toBe('a text') })",
    ].join('\n')
    expect(linesRefused('test/a.test.ts', text)).toEqual([])
  })

  it('the check of wording refuses comments over 110 columns, apart from tables and long links', () => {
    const long = 'word '.repeat(24)
    const text = `// ${long}\n/*\n * | ${long} |\n * https://example.com/${'path/'.repeat(24)}\n */`
    expect(linesRefused('src/a.ts', text)).toEqual([1])
  })

  it('the check of wording refuses terms in the prose of Markdown files, not in their code', () => {
    const text = 'Reading goes\non.\n\n```ts\n// it goes on\n```\n\n| `goes on` | resumes |\n'
    const documents = [parseMarkdown('a.md', text)]
    const found = checkWording(documents).filter(({ file }) => file === 'a.md')
    expect(found).toEqual([
      { file: 'a.md', line: 1, text: '"goes on": write resume, continue, retry, proceed' },
    ])
  })
})
