import ts from 'typescript'
import type { Line } from './markdown.ts'

/** Text that starts on a line; it may go over several lines. */
export interface Passage {
  readonly line: number
  readonly text: string
}

/** What people read in a source file. */
export interface Prose {
  /** Comments, with their stars and slashes. */
  readonly comments: readonly Passage[]
  /** In `src`: every string with a space, as messages have. Elsewhere: the titles of tests. */
  readonly strings: readonly Passage[]
}

export function proseOf(path: string, text: string): Prose {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS)
  const lineAt = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1
  const comments = new Map<number, Passage>()
  const strings: Passage[] = []

  const visit = (node: ts.Node, isRead: boolean): void => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ]
    for (const { pos, end } of ranges) {
      const indent = /[ \t]*$/.exec(text.slice(text.lastIndexOf('\n', pos) + 1, pos))?.[0] ?? ''
      comments.set(pos, { line: lineAt(pos), text: indent + text.slice(pos, end) })
    }
    if (isRead && isText(node) && /\s/.test(node.text)) {
      strings.push({ line: lineAt(node.getStart()), text: node.text })
    }
    const title = ts.isCallExpression(node) && isTest(node.expression) ? node.arguments[0] : undefined
    ts.forEachChild(node, (child) => {
      // The rows of `it.each` are part of the titles; what the functions do is not.
      const isTitle =
        title !== undefined && (child === title || child === (node as ts.CallExpression).expression)
      visit(child, isTitle || (isRead && (isInSource || !ts.isFunctionLike(child))))
    })
  }
  const isInSource = path.startsWith('src/')
  visit(source, isInSource)
  return { comments: joinLines([...comments.values()]), strings }
}

function isText(node: ts.Node): node is ts.LiteralLikeNode {
  return ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)
}

/** `it`, `test`, `describe`, `describeOnLocal`, and these with `.each(…)` and the like. */
function isTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return /^(?:it|test|describe\w*)$/.test(callee.text)
  if (ts.isTaggedTemplateExpression(callee)) return isTest(callee.tag)
  return (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) && isTest(callee.expression)
}

/** Joins `//` comments on successive lines. */
function joinLines(comments: readonly Passage[]): Passage[] {
  const joined: Passage[] = []
  for (const comment of comments.toSorted((one, other) => one.line - other.line)) {
    const last = joined.at(-1)
    const follows = last !== undefined && lineAfter(last) === comment.line
    if (follows && [last, comment].every(({ text }) => /^\s*\/\//.test(text))) {
      joined[joined.length - 1] = { line: last.line, text: `${last.text}\n${comment.text}` }
    } else joined.push(comment)
  }
  return joined
}

/** The words of a comment, without its stars and slashes; every character stays on its line. */
export function wordsOf({ line, text }: Passage): Passage {
  return { line, text: text.replace(/^\s*\/?\*+\/?|^\s*\/\//gm, '') }
}

/** The paragraphs, list items and table rows of a Markdown file. */
export function passagesOf(lines: readonly Line[]): Passage[] {
  const passages: Passage[] = []
  for (const { line, text } of lines) {
    const last = passages.at(-1)
    const isNew = text.trim() === '' || /^\s*(?:[-*|#>]|\d+\.)/.test(text)
    if (last && !isNew && lineAfter(last) === line) {
      passages[passages.length - 1] = { line: last.line, text: `${last.text}\n${text}` }
    } else passages.push({ line, text })
  }
  return passages
}

function lineAfter({ line, text }: Passage): number {
  return line + text.split('\n').length
}
