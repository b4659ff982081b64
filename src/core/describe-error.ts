import { inspect } from 'node:util'
import { truncateBytes } from './truncate-bytes.ts'

/** What can be said about any value that was thrown. */
export interface ErrorDescription {
  readonly name: string
  readonly message: string
  readonly code?: string
}

const MAX_MESSAGE_BYTES = 1024
const MAX_NAME_BYTES = 128

/**
 * Describes a value that was thrown: an error, a value that only resembles one (an error of another realm, or
 * a name and code from a checkpoint), or anything else. It never throws, even if the value's properties do.
 * The message has at most 1 kB, the name and the code have at most 128 bytes each.
 */
export function describeError(error: unknown): ErrorDescription {
  const name = textOf(error, 'name')
  const message = textOf(error, 'message')
  if (name === undefined && message === undefined) {
    return { name: 'NonError', message: truncateBytes(format(error), MAX_MESSAGE_BYTES) }
  }
  const code = codeOf(error)
  return {
    name: truncateBytes(name || 'Error', MAX_NAME_BYTES),
    message: truncateBytes(message ?? '', MAX_MESSAGE_BYTES),
    ...(code !== undefined && { code: truncateBytes(code, MAX_NAME_BYTES) }),
  }
}

/** Most codes are strings, and those of gRPC and of some databases are numbers. */
function codeOf(error: unknown): string | undefined {
  const code = property(error, 'code')
  return typeof code === 'string' || typeof code === 'number' ? String(code) : undefined
}

function textOf(error: unknown, name: string): string | undefined {
  const value = property(error, name)
  return typeof value === 'string' ? value : undefined
}

function property(error: unknown, name: string): unknown {
  // The name of a function would be taken for the name of an error.
  if (typeof error !== 'object' || error === null) return undefined
  try {
    return Reflect.get(error, name)
  } catch {
    return undefined
  }
}

function format(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 1024 })
  } catch {
    return 'a value that cannot be inspected'
  }
}
