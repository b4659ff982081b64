import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Reads a file of the repository, by its path from the root. */
export function readSource(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8')
}

/** Lists the TypeScript files below a folder, with paths such as `src/core/clock.ts`. */
export function listSources(folder: string): string[] {
  return readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .sort()
}

export interface Import {
  /** The path of a file in the repository, or the name of a package. */
  readonly target: string
  /** Whether only types are imported, so that nothing is loaded at run time. */
  readonly isTypeOnly: boolean
}

/** Finds everything that a file imports or re-exports: statically, dynamically, or only for its types. */
export function importsOf(path: string, source: string): Import[] {
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined, isTypeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteral(specifier)) return
    const { text: name } = specifier
    found.push({ target: name.startsWith('.') ? join(dirname(path), name) : name, isTypeOnly })
  }
  forEachNode(parse(path, source), (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause))
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeExport(node))
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false)
    }
  })
  return found
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const bindings = clause.namedBindings
  if (clause.name || !bindings || !ts.isNamedImports(bindings)) return false
  return bindings.elements.every((element) => element.isTypeOnly)
}

function isTypeExport({ isTypeOnly, exportClause }: ts.ExportDeclaration): boolean {
  if (isTypeOnly) return true
  if (!exportClause || !ts.isNamedExports(exportClause)) return false
  return exportClause.elements.every((element) => element.isTypeOnly)
}

/**
 * Finds the names that a file declares: functions, classes, methods, accessors and variables. Private names
 * include the `#`. Members of classes and interfaces, including fields, are also found as `Name.member`.
 */
export function declaredIn(path: string, source: string): Set<string> {
  const names = new Set<string>()
  forEachNode(parse(path, source), (node) => {
    if (isDefinition(node)) names.add(nameOf(node) ?? '')
    if (!ts.isClassDeclaration(node) && !ts.isInterfaceDeclaration(node)) return
    for (const member of node.members) names.add(`${nameOf(node)}.${nameOf(member)}`)
  })
  return names
}

function isDefinition(node: ts.Node): node is ts.NamedDeclaration {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isAccessor(node) ||
    ts.isVariableDeclaration(node)
  )
}

function nameOf({ name }: ts.NamedDeclaration): string | undefined {
  return name && (ts.isIdentifier(name) || ts.isPrivateIdentifier(name)) ? name.text : undefined
}

/** Finds the titles of tests and suites in a file, with parameters unexpanded: `%s`, `$name` or `${name}`. */
export function testTitlesIn(path: string, source: string): Set<string> {
  const titles = new Set<string>()
  forEachNode(parse(path, source), (node) => {
    if (!ts.isCallExpression(node) || !isTestFunction(node.expression)) return
    const [title] = node.arguments
    if (title && ts.isStringLiteralLike(title)) titles.add(title.text)
    else if (title && ts.isTemplateExpression(title)) titles.add(title.getText().slice(1, -1))
  })
  return titles
}

/** Returns whether a call is to `it`, `test` or `describe…`, possibly with `.each(…)` or similar. */
function isTestFunction(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return /^(?:it|test|describe\w*)$/.test(callee.text)
  if (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) {
    return isTestFunction(callee.expression)
  }
  return false
}

const parsedFiles = new Map<string, ts.SourceFile>()

function parse(path: string, source: string): ts.SourceFile {
  const cached = parsedFiles.get(source)
  if (cached) return cached
  const parsed = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
  parsedFiles.set(source, parsed)
  return parsed
}

function forEachNode(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => forEachNode(child, visit))
}
