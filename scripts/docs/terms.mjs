import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import ts from 'typescript'

/**
 * Terms that are not used in prose, comments, messages and titles of tests, each with what to write instead. The glossary in
 * CONTRIBUTING.md explains the terms that are used.
 *
 * @type {readonly (readonly [RegExp, string])[]}
 */
const refused = [
  [/\b(?:give|gives|gave|given|giving) out\b|\bhand(?:s|ed|ing)? out\b/i, 'deliver, return, yield, emit'],
  [/\b(?:tell|tells|telling|told)\b/i, 'report, emit, log, indicate, distinguish'],
  [/\bpass(?:es|ed|ing)? over\b/i, 'skip'],
  [/\b(?:go|goes|going|went|gone) on\b/i, 'resume, continue, retry, proceed'],
  [/\b(?:begin|begins|began|begun)\b/i, 'start'],
  [/\banew\b/i, 'again, recreate, renew'],
  [/\bstands? (?:as|still|there|in the way)\b|\bstood\b/i, 'is, is stored as, is stalled'],
  [/\bheirs?\b/i, 'child, descendant'],
  [/\ba text\b|\btexts\b/i, 'string'],
  [/\banswer(?:s|ed|ing)?\b/i, 'response, respond'],
  [/\b(?:somebody|nobody|the one who|those who)\b/i, 'the caller, the consumer'],
  [/\bside by side\b/i, 'concurrently, beside'],
  [/\bat the (?:latest|most)\b/i, 'at most, no later than'],
  [/\bcut to the\b/i, 'truncated to the'],
  [/\b(?:mend|mends|mended)\b|\blook(?:s|ed|ing)? into\b|\btrouble\b/i, 'fix, inspect, error'],
  [/\b(?:is|are|was|were) none\b/i, 'is not a …, is invalid'],
  [/\b(?:it|that|this|which|what) (?:is|was) no (?!longer\b|more\b|different\b|exception\b)/i, 'is not a …'],
  [/\bfor the user\b/i, 'surfaced to the caller'],
  [/\b(?:is|are|was|were) under way\b/i, 'is in flight, is running'],
]

/** One line width for code and prose. */
const MAX_WIDTH = 110

/**
 * @typedef {{ line: number, text: string }} Passage
 * @typedef {import('./markdown.mjs').Problem} Problem
 */

/**
 * Checks the prose of Markdown files, and the comments, messages and titles of sources.
 * @param {import('./markdown.mjs').Document[]} documents
 * @param {readonly string[]} [paths] - the sources to check; all of the tree by default
 * @returns {Problem[]}
 */
export function checkTerms(documents, paths = listSources()) {
  return [
    ...documents.flatMap(({ file, prose }) => [
      ...refusedTerms(file, passagesOf(prose)),
      ...wideLines(
        file,
        prose.filter(({ text }) => isParagraph(text)),
      ),
    ]),
    ...paths.flatMap((file) => {
      const { comments, strings } = proseOf(file, readFileSync(file, 'utf8'))
      const lines = comments.flatMap(({ line, text }) =>
        text.split('\n').map((content, index) => ({ line: line + index, text: content })),
      )
      return [
        ...refusedTerms(file, [...comments.map(unwrap), ...strings]),
        ...wideLines(
          file,
          lines.filter(({ text }) => !/https?:\/\/|^\s*\*? *\|/.test(text)),
        ),
      ]
    }),
  ]
}

/** @returns {string[]} */
export function listSources() {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', '*.ts', '*.mjs']
  const files = execFileSync('git', args, { encoding: 'utf8' }).split('\n')
  return [...new Set(files)].filter((file) => file && existsSync(file)).sort()
}

/**
 * @param {string} file
 * @param {readonly Passage[]} passages
 * @returns {Problem[]}
 */
function refusedTerms(file, passages) {
  return passages.flatMap(({ line, text }) => {
    // Code keeps its length, so that the line of what follows is right.
    const prose = text.replace(/`[^`]*`/g, (code) => code.replace(/[^\n]/g, '_'))
    return refused.flatMap(([pattern, instead]) => {
      const match = new RegExp(pattern.source.replaceAll(' ', '\\s+'), 'i').exec(prose)
      if (!match) return []
      const at = line + prose.slice(0, match.index).split('\n').length - 1
      const term = match[0].replace(/\s+/g, ' ').trim()
      return [{ file, line: at, text: `"${term}": write ${instead}` }]
    })
  })
}

/**
 * @param {string} file
 * @param {readonly Passage[]} lines
 * @returns {Problem[]}
 */
function wideLines(file, lines) {
  return lines
    .filter(({ text }) => text.length > MAX_WIDTH)
    .map(({ line, text }) => ({ file, line, text: `${text.length} columns wide; the limit is ${MAX_WIDTH}` }))
}

/** Tables, headings, links and HTML cannot be wrapped. @param {string} text */
function isParagraph(text) {
  return !/^\s*(?:\||#|<|!\[)|\]\(\S{40,}|https?:\/\/\S{40,}/.test(text)
}

/**
 * Paragraphs as one passage each: a term may be wrapped.
 * @param {readonly Passage[]} lines
 * @returns {Passage[]}
 */
function passagesOf(lines) {
  /** @type {Passage[]} */
  const passages = []
  for (const { line, text } of lines) {
    const last = passages.at(-1)
    const isNew = text.trim() === '' || /^\s*(?:[-*|#>]|\d+\.)/.test(text)
    if (last && !isNew && last.line + last.text.split('\n').length === line) last.text += `\n${text}`
    else passages.push({ line, text })
  }
  return passages
}

/**
 * The comments of a file, and its strings that people read: titles of tests, and messages of the sources.
 * @param {string} path
 * @param {string} text
 * @returns {{ comments: Passage[], strings: Passage[] }}
 */
export function proseOf(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS)
  /** @param {number} position */
  const lineAt = (position) => source.getLineAndCharacterOfPosition(position).line + 1
  /** @type {Map<number, Passage>} */
  const comments = new Map()
  /** @type {Passage[]} */
  const strings = []
  const isSource = path.startsWith('src/')

  /** @param {ts.Node} node @param {boolean} isRead */
  const visit = (node, isRead) => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ]
    for (const { pos, end } of ranges) {
      const from = text.lastIndexOf('\n', pos) + 1
      const lead = text.slice(from, pos)
      comments.set(pos, { line: lineAt(pos), text: (/^\s*$/.test(lead) ? lead : '') + text.slice(pos, end) })
    }
    const isText =
      ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)
    if (isText && isRead && /\s/.test(node.text))
      strings.push({ line: lineAt(node.getStart()), text: node.text })
    const call = ts.isCallExpression(node) && isTest(node.expression) ? node : undefined
    ts.forEachChild(node, (child) => {
      const isTitle = call !== undefined && (child === call.arguments[0] || child === call.expression)
      visit(child, isSource || isTitle || (isRead && !ts.isFunctionLike(child)))
    })
  }
  visit(source, isSource)
  return { comments: joinLines([...comments.values()]), strings }
}

/**
 * Joins `//` comments on successive lines.
 * @param {Passage[]} comments
 * @returns {Passage[]}
 */
function joinLines(comments) {
  /** @type {Passage[]} */
  const joined = []
  for (const comment of comments.sort((a, b) => a.line - b.line)) {
    const last = joined.at(-1)
    const follows = last && last.line + last.text.split('\n').length === comment.line
    if (follows && [last, comment].every(({ text }) => /^\s*\/\//.test(text)))
      last.text += `\n${comment.text}`
    else joined.push({ ...comment })
  }
  return joined
}

/** `it`, `test`, `describe`, `describeOnLocal`, and these with `.each(…)` and the like. @param {ts.Expression} callee @returns {boolean} */
function isTest(callee) {
  if (ts.isIdentifier(callee)) return /^(?:it|test|describe\w*)$/.test(callee.text)
  if (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) return isTest(callee.expression)
  return ts.isTaggedTemplateExpression(callee) && isTest(callee.tag)
}

/** The words of a comment without its stars and slashes. @param {Passage} comment @returns {Passage} */
function unwrap({ line, text }) {
  return { line, text: text.replace(/^\s*\/?\*+\/?|^\s*\/\//gm, (mark) => ' '.repeat(mark.length)) }
}
