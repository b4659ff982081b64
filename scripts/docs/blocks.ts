import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import ts from 'typescript'
import type { Document, Problem } from './markdown.ts'

const languages: Readonly<Record<string, string>> = {
  ts: 'ts',
  typescript: 'ts',
  mts: 'ts',
  tsx: 'tsx',
  js: 'ts',
  javascript: 'ts',
}

/** Where a block starts. */
interface Place {
  readonly file: string
  readonly line: number
}

/**
 * Compiles the TypeScript blocks, and compares those that are excerpts with their files.
 *
 * @param scratch - a folder to create inside the tree, so that imports resolve; the caller removes it
 */
export function checkBlocks(
  documents: readonly Document[],
  scratch: string,
): { count: number; problems: Problem[] } {
  const problems: Problem[] = []
  const sources = new Map<string, Place>()
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
        const prefix = kind === 'with' ? `${value.trim()}\n` : ''
        const name = resolve(scratch, `${sources.size}.ts`)
        // With `export {}` it is a module, and may use top-level await.
        ts.sys.writeFile(name, `${prefix}${code}\nexport {}\n`)
        sources.set(name, { file, line: line + 1 - prefix.split('\n').length + 1 })
      }
    }
  }
  problems.push(...compile(sources))
  return { count, problems }
}

function compare(file: string, code: string): string | undefined {
  if (!existsSync(file)) return `no such file: ${file}`
  const text = readFileSync(file, 'utf8')
  return text.includes(code.trim()) ? undefined : `the block is not (or no longer) an excerpt of ${file}`
}

function compile(sources: ReadonlyMap<string, Place>): Problem[] {
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
