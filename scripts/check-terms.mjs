// Checks the wording of the given files, or of all: `node scripts/check-terms.mjs src/cli README.md`.
import { readFileSync, statSync } from 'node:fs'
import { listMarkdown, parseMarkdown } from './docs/markdown.mjs'
import { checkTerms, listSources } from './docs/terms.mjs'

const given = process.argv.slice(2).map((path) => path.replace(/\/$/, ''))
/** @param {string} file */
const isGiven = (file) =>
  given.length === 0 || given.some((path) => file === path || file.startsWith(`${path}/`))
for (const path of given) statSync(path)
const documents = listMarkdown()
  .filter(isGiven)
  .map((file) => parseMarkdown(file, readFileSync(file, 'utf8')))
const problems = checkTerms(documents, listSources().filter(isGiven))
for (const { file, line, text } of problems) console.error(`${file}:${line} ${text}`)
console.log(`${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
