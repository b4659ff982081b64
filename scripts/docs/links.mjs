import { existsSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

const isExternal = /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i
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
        if (isExternal.test(target)) continue
        const [path = '', anchor] = decodeURI(target).split('#')
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
