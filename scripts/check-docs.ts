// Checks the Markdown files: links and named paths exist, and every TypeScript block compiles. Checks the
// wording and the line width of Markdown files, comments, messages and titles of tests.
// `tsx scripts/check-docs.ts src/cli README.md` prints only the problems of these files.
//
// A block is compiled as a module of its own, strictly, against the sources. An HTML comment right
// before it can say
//   <!-- file: examples/worker.ts -->      the block is an excerpt of that file, which is compiled anyway
//   <!-- with: declare const x: string --> put this in front of it: declarations that a fragment depends on
//   <!-- unchecked: reason -->             do not compile it
import { readFileSync, rmSync } from 'node:fs'
import { checkBlocks } from './docs/blocks.ts'
import { checkLinks } from './docs/links.ts'
import { listMarkdown, parseMarkdown } from './docs/markdown.ts'
import { checkWording } from './docs/wording.ts'

const paths = process.argv.slice(2).map((path) => path.replace(/\/$/, ''))
const isRequested = ({ file }: { readonly file: string }) =>
  paths.length === 0 || paths.some((path) => file === path || file.startsWith(`${path}/`))

const documents = listMarkdown().map((file) => parseMarkdown(file, readFileSync(file, 'utf8')))
const scratch = '.docs-check'
const found = [...checkLinks(documents), ...checkWording(documents)]
let blocks = 0
try {
  const result = checkBlocks(documents.filter(isRequested), scratch)
  found.push(...result.problems)
  blocks = result.count
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

const problems = found.filter(isRequested)
for (const { file, line, text } of problems) console.error(`${file}:${line} ${text}`)
console.log(`${documents.length} documents, ${blocks} TypeScript blocks, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
