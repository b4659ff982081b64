import { invalidOption } from '../core/options.ts'
import { invalidPattern, keyPath } from './pattern-error.ts'

/**
 * Parses JSON and refuses duplicate keys. Lambda accepts them and uses the last one, so a part of the pattern
 * would be ignored silently.
 *
 * @throws StreamError `options.invalid`
 */
export function parseJson(json: string, path: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw invalidOption(path, json, 'valid JSON')
  }
  checkKeys(json, path)
  return value
}

/** An object or array that the scan is in. */
interface Container {
  readonly path: string
  /** The keys so far; undefined in an array. */
  readonly keys: Set<string> | undefined
  /** The path of the member that is being scanned. */
  member: string
  index: number
}

/** Finds duplicate keys in `json`, which is known to be valid. */
function checkKeys(json: string, root: string): void {
  const tokens = /"(?:[^"\\]+|\\.)*"|[{}[\],:]/g
  const open: Container[] = []
  let container: Container | undefined
  let isKey = false
  for (const [token] of json.matchAll(tokens)) {
    if (token === '{' || token === '[') {
      const path: string = container === undefined ? root : container.member
      const isObject = token === '{'
      container = { path, keys: isObject ? new Set() : undefined, member: `${path}[0]`, index: 0 }
      open.push(container)
      isKey = isObject
    } else if (token === '}' || token === ']') {
      open.pop()
      container = open.at(-1)
      isKey = false
    } else if (token === ',' && container !== undefined) {
      isKey = container.keys !== undefined
      if (!isKey) container.member = `${container.path}[${++container.index}]`
    } else if (isKey && container?.keys !== undefined) {
      const key: string = JSON.parse(token)
      container.member = keyPath(container.path, key)
      if (container.keys.has(key)) throw duplicateKey(container.member, key)
      container.keys.add(key)
      isKey = false
    }
  }
}

function duplicateKey(option: string, key: string) {
  return invalidPattern(
    option,
    key,
    'a key that occurs once in its object',
    `The key ${option} occurs twice in its object. Lambda would use only the last one: merge them.`,
  )
}
