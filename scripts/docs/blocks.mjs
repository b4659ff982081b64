import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import ts from 'typescript'

const languages = { ts: 'ts', typescript: 'ts', mts: 'ts', tsx: 'tsx', js: 'ts', javascript: 'ts' }

/**
 * Compiles the TypeScript blocks, and compares those that are excerpts with their files.
 * @param {import('./markdown.mjs').Document[]} documents
 * @param {string} scratch a folder of the tree that may be made and removed: modules resolve from it as from the tree
 * @returns {{ count: number, problems: import('./markdown.mjs').Problem[] }}
 */
export function checkBlocks(documents, scratch) {
  /** @type {import('./markdown.mjs').Problem[]} */
  const problems = []
  /** @type {Map<string, { file: string, line: number }>} */
  const sources = new Map()
  let count = 0
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch)
  for (const { file, blocks } of documents) {
    for (const { language, code, comment = '', line } of blocks) {
      if (!(language in languages)) continue
      count++
      const [, kind, value = ''] = /^(file|with|unchecked):\s*([\s\S]*)$/.exec(comment) ?? []
      if (kind === 'file') {
        const problem = compare(value.trim(), code)
        if (problem) problems.push({ file, line, text: problem })
      } else if (kind === 'unchecked') {
        if (!value.trim()) problems.push({ file, line, text: 'unchecked block without a reason' })
      } else {
        const given = kind === 'with' ? `${value.trim()}\n` : ''
        const name = resolve(scratch, `${sources.size}.ts`)
        // `export {}` makes it a module, with top-level await.
        ts.sys.writeFile(name, `${given}${code}\nexport {}\n`)
        sources.set(name, { file, line: line + 1 - given.split('\n').length + 1 })
      }
    }
  }
  problems.push(...compile(sources))
  return { count, problems }
}

/**
 * @param {string} file
 * @param {string} code
 */
function compare(file, code) {
  if (!existsSync(file)) return `no such file: ${file}`
  const text = readFileSync(file, 'utf8')
  return text.includes(code.trim()) ? undefined : `the block is not (or no longer) an excerpt of ${file}`
}

/**
 * @param {Map<string, { file: string, line: number }>} sources
 * @returns {import('./markdown.mjs').Problem[]}
 */
function compile(sources) {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, '.')
  const program = ts.createProgram([...sources.keys()], {
    ...options,
    isolatedDeclarations: false,
    declaration: false,
  })
  return [...sources].flatMap(([name, { file, line }]) => {
    const source = program.getSourceFile(name)
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    return found.map(({ start = 0, messageText }) => {
      const inBlock = source?.getLineAndCharacterOfPosition(start).line ?? 0
      return { file, line: line + inBlock, text: ts.flattenDiagnosticMessageText(messageText, ' ') }
    })
  })
}
