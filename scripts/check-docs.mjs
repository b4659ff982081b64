// Checks the Markdown files: links and named paths exist, and every TypeScript block compiles. Checks the wording of prose,
// comments, messages and titles of tests.
//
// A block is compiled as a module of its own, strictly, against the sources. An HTML comment right before it can say
//   <!-- file: examples/worker.ts -->      the block is an excerpt of that file, line by line (which is compiled anyway)
//   <!-- with: declare const x: string --> put this in front of it: what a fragment takes as given
//   <!-- unchecked: reason -->             leave it alone
import { readFileSync, rmSync } from 'node:fs'
import { checkBlocks } from './docs/blocks.mjs'
import { checkLinks } from './docs/links.mjs'
import { listMarkdown, parseMarkdown } from './docs/markdown.mjs'
import { checkTerms } from './docs/terms.mjs'

const documents = listMarkdown().map((file) => parseMarkdown(file, readFileSync(file, 'utf8')))
const scratch = '.docs-check'
const problems = [...checkLinks(documents), ...checkTerms(documents)]
let blocks = 0
try {
  const result = checkBlocks(documents, scratch)
  problems.push(...result.problems)
  blocks = result.count
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

for (const { file, line, text } of problems) console.error(`${file}:${line} ${text}`)
console.log(`${documents.length} documents, ${blocks} TypeScript blocks, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
