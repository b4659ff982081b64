import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

export interface Block {
  readonly line: number
  readonly language: string
  readonly code: string
  /** The HTML comment right before it. */
  readonly comment: string | undefined
}

export interface Line {
  readonly line: number
  readonly text: string
}

export interface Document {
  readonly file: string
  readonly prose: Line[]
  readonly anchors: Set<string>
  readonly blocks: Block[]
}

export interface Problem {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** The files of the tree that match `patterns` of git, ignored ones left out. */
export function listFiles(...patterns: readonly string[]): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns]
  const files = execFileSync('git', args, { encoding: 'utf8' }).split('\n')
  return [...new Set(files)].filter((file) => file !== '' && existsSync(file)).sort()
}

/** The Markdown files of the tree, generated ones left out. */
export function listMarkdown(): string[] {
  return listFiles('*.md', ':!*.api.md')
}

/** Splits a Markdown file into its code blocks and the lines around them. */
export function parseMarkdown(file: string, text: string): Document {
  const document: Document = { file, prose: [], anchors: new Set(), blocks: [] }
  let open: (Omit<Block, 'code'> & { fence: string; indent: number; lines: string[] }) | undefined
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1
    const [, indent = '', fence, language = ''] = /^(\s*)(`{3,}|~{3,})\s*([\w-]*)/.exec(content) ?? []
    if (open) {
      if (fence?.startsWith(open.fence) && !language) {
        const { fence: _fence, indent: _indent, lines, ...block } = open
        document.blocks.push({ ...block, code: lines.join('\n') })
        open = undefined
      } else {
        open.lines.push(content.slice(Math.min(open.indent, content.search(/\S|$/))))
      }
    } else if (fence) {
      const comment = commentBefore(document.prose)
      open = { line, language, comment, fence, indent: indent.length, lines: [] }
    } else {
      document.prose.push({ line, text: content })
      addAnchor(document.anchors, content)
    }
  }
  return document
}

/** The HTML comment that ends on the last line that is not blank. */
function commentBefore(prose: readonly Line[]): string | undefined {
  const before = prose.slice(-30).map(({ text }) => text)
  return /<!--((?:(?!-->)[\s\S])*)-->\s*$/.exec(before.join('\n'))?.[1]?.trim()
}

/** Adds the anchor that GitHub creates for a heading. */
function addAnchor(anchors: Set<string>, line: string): void {
  const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1]
  if (heading === undefined) return
  const slug = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
  let anchor = slug
  for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`
  anchors.add(anchor)
}
