import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

const isExternal = /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i
/** @type {{ repository: { url: string } }} */
const { repository } = JSON.parse(readFileSync('package.json', 'utf8'))
const home = repository.url.replace(/^git\+|\.git$/g, '')
// npm shows this file by itself: what it links to is not beside it.
const shownAlone = new Set(['README.md'])
// Paths in code style that start with a folder of this tree and look like a file or a folder, as in `src/core/clock.ts`.
const namedPath = /`((?:src|test|docs|bench|examples|scripts|\.ci)\/[\w./-]*)`/g
// Made by a command and not kept in git.
const generated = /^(?:docs\/reference|bench\/results)(?:\/|$)/

/**
 * Every link inside the tree leads to a file (and a heading in it) that is there; so does every path named in prose.
 * @param {import('./markdown.mjs').Document[]} documents
 * @returns {import('./markdown.mjs').Problem[]}
 */
export function checkLinks(documents) {
  const byFile = new Map(documents.map((document) => [document.file, document]))
  /** @type {import('./markdown.mjs').Problem[]} */
  const problems = []
  for (const document of documents) {
    const { file } = document
    for (const { line, text } of document.prose) {
      for (const target of linksIn(text)) {
        const inTree = pathInTree(target)
        if (inTree === undefined && isExternal.test(target)) continue
        if (shownAlone.has(file) && inTree === undefined && !target.startsWith('#')) {
          problems.push({
            file,
            line,
            text: `link that npm cannot follow: ${target}; write ${home}/blob/main/…`,
          })
        }
        const [path = '', anchor] = decodeURI(inTree ?? target).split('#')
        const found =
          path === '' ? file : path.startsWith('/') ? path.slice(1) : normalize(join(dirname(file), path))
        if (relative('.', found).startsWith('..'))
          problems.push({ file, line, text: `link leaves the tree: ${target}` })
        else if (!exists(found)) problems.push({ file, line, text: `link leads nowhere: ${target}` })
        else if (anchor && byFile.get(found)?.anchors.has(anchor) === false) {
          problems.push({ file, line, text: `no such heading: ${target}` })
        }
      }
      for (const [, path = ''] of text.matchAll(namedPath)) {
        if (!exists(path)) problems.push({ file, line, text: `no such file: ${path}` })
      }
    }
  }
  return problems
}

/**
 * The path of a link to the repository's main branch, from the root of the tree.
 * @param {string} target
 */
function pathInTree(target) {
  const [, path] =
    /^\/(?:blob|raw|tree)\/main(\/.*)$/.exec(target.startsWith(home) ? target.slice(home.length) : '') ?? []
  return path
}

/** @param {string} path */
function exists(path) {
  if (generated.test(path)) return true
  return existsSync(path) && (!path.endsWith('/') || statSync(path).isDirectory())
}

/** @param {string} text */
function linksIn(text) {
  const prose = text.replace(/(`+)(?:(?!\1).)*\1/g, '``')
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)]
  const reference = [...prose.matchAll(/^\s*\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)/g)]
  const html = [...prose.matchAll(/\b(?:href|src|srcset)="([^"\s]+)/g)]
  return [...inline, ...reference, ...html].map(([, target = '']) => target)
}
