import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/**
 * @typedef {{ line: number, language: string, code: string, comment: string | undefined }} Block
 * @typedef {{ line: number, text: string }} Line
 * @typedef {{ file: string, prose: Line[], anchors: Set<string>, blocks: Block[] }} Document
 * @typedef {{ file: string, line: number, text: string }} Problem
 */

/** The Markdown files of the tree, ignored and generated ones left out. */
export function listMarkdown() {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', '*.md', ':!*.api.md']
  const files = execFileSync('git', args, { encoding: 'utf8' }).split('\n')
  return [...new Set(files)].filter((file) => file && existsSync(file)).sort()
}

/**
 * Takes a Markdown file apart into its code blocks and the lines around them.
 * @param {string} file
 * @param {string} text
 * @returns {Document}
 */
export function parseMarkdown(file, text) {
  /** @type {Document} */
  const document = { file, prose: [], anchors: new Set(), blocks: [] }
  /** @type {(Block & { fence: string, indent: number, lines: string[] }) | undefined} */
  let open
  text.split('\n').forEach((content, index) => {
    const line = index + 1
    const [, indent, fence, language] = /^(\s*)(`{3,}|~{3,})\s*([\w-]*)/.exec(content) ?? []
    if (open) {
      if (fence?.startsWith(open.fence) && !language) {
        document.blocks.push({ ...open, code: open.lines.join('\n') })
        open = undefined
      } else {
        open.lines.push(content.slice(Math.min(open.indent, content.search(/\S|$/))))
      }
    } else if (fence) {
      const comment = commentBefore(document.prose)
      open = {
        line,
        language: language ?? '',
        code: '',
        comment,
        fence,
        indent: indent?.length ?? 0,
        lines: [],
      }
    } else {
      document.prose.push({ line, text: content })
      addAnchor(document.anchors, content)
    }
  })
  return document
}

/**
 * The HTML comment that ends on the last line that is not blank.
 * @param {Line[]} prose
 */
function commentBefore(prose) {
  const before = prose.slice(-30).map(({ text }) => text)
  return /<!--((?:(?!-->)[\s\S])*)-->\s*$/.exec(before.join('\n'))?.[1]?.trim()
}

/**
 * Adds the anchor that GitHub gives to a heading.
 * @param {Set<string>} anchors
 * @param {string} line
 */
function addAnchor(anchors, line) {
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
