import { readFileSync } from 'node:fs'
import { type Document, listFiles, type Problem } from './markdown.ts'
import { type Passage, passagesOf, proseOf, wordsOf } from './prose.ts'

/**
 * Terms that prose, comments, messages and titles of tests do not use, each with what to write instead. The
 * glossary in CONTRIBUTING.md defines the terms that they do use.
 */
const refused: readonly (readonly [term: RegExp, instead: string])[] = [
  [/\b(?:give|gives|gave|given|giving) out\b|\bhand(?:s|ed|ing)? out\b/, 'deliver, return, yield, emit'],
  [/\b(?:tell|tells|telling|told)\b/, 'report, emit, log, indicate, distinguish'],
  [/\bpass(?:es|ed|ing)? over\b/, 'skip'],
  [/\b(?:go|goes|going|went|gone) on\b/, 'resume, continue, retry, proceed'],
  [/\b(?:begin|begins|began|begun)\b/, 'start'],
  [/\banew\b/, 'again, recreate, renew'],
  [/\bstands? (?:as|still|there|in the way)\b|\bstood\b/, 'is, is stored as, is stalled'],
  [/\bheirs?\b/, 'child, descendant'],
  [/\ba text\b(?![/-])|\btexts\b/, 'string'],
  [/\banswer(?:s|ed|ing)?\b/, 'response, respond'],
  [/\b(?:somebody|nobody|the one who|those who)\b/, 'the caller, the consumer'],
  [/\bside by side\b/, 'concurrently, beside'],
  [/\bat the (?:latest|most)\b/, 'at most, no later than'],
  [/\bcut to the\b/, 'truncated to the'],
  [/\b(?:mend|mends|mended)\b|\blook(?:s|ed|ing)? into\b|\btrouble\b/, 'fix, inspect, error'],
  [/\b(?:is|are|was|were) none\b/, 'is not a …, is invalid'],
  [/\b(?:it|that|this|which|what) (?:is|was) no (?!longer\b|more\b|different\b|exception\b)/, 'is not a …'],
  [/\b(?:is|are|was|were) under way\b/, 'is in flight, is running'],
]

/** One line width for code and prose. */
const MAX_WIDTH = 110

/** Checks the wording and the line width of Markdown files and of all sources. */
export function checkWording(documents: readonly Document[]): Problem[] {
  return [
    ...documents.flatMap(({ file, prose }) => [
      ...refusedTerms(file, passagesOf(prose)),
      ...wideLines(file, prose, isParagraph),
    ]),
    ...listFiles('*.ts', '*.mjs').flatMap((file) => checkSource(file, readFileSync(file, 'utf8'))),
  ]
}

/** Checks the comments, messages and titles of one source file. */
export function checkSource(file: string, text: string): Problem[] {
  const { comments, strings } = proseOf(file, text)
  const lines = comments.flatMap(({ line, text: comment }) =>
    comment.split('\n').map((content, index) => ({ line: line + index, text: content })),
  )
  return [
    ...refusedTerms(file, [...comments.map(wordsOf), ...strings]),
    ...wideLines(file, lines, isParagraph),
  ]
}

function refusedTerms(file: string, passages: readonly Passage[]): Problem[] {
  return passages.flatMap(({ line, text }) => {
    const prose = text.replace(/`[^`]*`/g, (code) => code.replace(/[^\n]/g, '_'))
    return refused.flatMap(([term, instead]) => {
      // A term may be wrapped.
      const match = new RegExp(term.source.replaceAll(' ', '\\s+'), 'i').exec(prose)
      if (!match) return []
      const lineInPassage = prose.slice(0, match.index).split('\n').length - 1
      const found = match[0].replace(/\s+/g, ' ').trim()
      return [{ file, line: line + lineInPassage, text: `"${found}": write ${instead}` }]
    })
  })
}

function wideLines(file: string, lines: readonly Passage[], isWrapped: (line: string) => boolean): Problem[] {
  return lines
    .filter(({ text }) => text.length > MAX_WIDTH && isWrapped(text))
    .map(({ line, text }) => ({ file, line, text: `${text.length} columns wide; the limit is ${MAX_WIDTH}` }))
}

/** Tables, headings, images, HTML and long links cannot be wrapped. */
function isParagraph(line: string): boolean {
  return !/^\s*(?:\* )?(?:\||#|<|!\[)|\]\(\S{40,}|https?:\/\/\S{40,}/.test(line)
}
