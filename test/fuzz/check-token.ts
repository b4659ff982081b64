import { isDeepStrictEqual } from 'node:util'
import { isStreamError } from '../../src/core/errors.ts'
import { parseToken } from '../../src/position/parse-token.ts'
import { type ParsedPosition, parsePosition } from '../../src/position/position.ts'
import type { StreamToken } from '../../src/position/token.ts'

/** The maximum length of an error message, so that it fits on a line of a log. */
const MAX_MESSAGE_LENGTH = 250

const prototypes = [Object.prototype, Array.prototype, String.prototype]
const propertyCounts = prototypes.map((prototype) => Reflect.ownKeys(prototype).length)

/**
 * Parses an input as a token and as a position, and checks the result. A token that is accepted must be
 * valid, and the same after it was saved and loaded again. An input that is refused must be refused with a
 * single short, printable line.
 *
 * @returns the token, or undefined if the input was refused.
 * @throws Error if one of these properties does not hold.
 */
export function checkToken(input: unknown): StreamToken | undefined {
  const token = parseOrRefuse(() => parseToken(input), ['token.invalid'])
  const position = parseOrRefuse(() => parsePosition(input), ['token.invalid', 'position.invalid'])
  if (token) {
    checkIsValid(token)
    checkIsStable(token)
    checkIsSamePosition(token, position)
  }
  checkPrototypes()
  return token
}

function parseOrRefuse<T>(parse: () => T, codes: readonly string[]): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (!isStreamError(error) || !codes.includes(error.code)) {
      throw new Error(`The input is refused with an error other than ${codes.join(' or ')}`, { cause: error })
    }
    const { message } = error
    if (message.length > MAX_MESSAGE_LENGTH) throw new Error(`The message has ${message.length} characters`)
    if (!/^[\x20-\x7e]+$/.test(message)) {
      throw new Error(`The message is not printable: ${JSON.stringify(message)}`)
    }
    return undefined
  }
}

function checkIsValid({ shards }: StreamToken): void {
  const parentOf = new Map(shards.map(({ shardId, parentId }) => [shardId, parentId]))
  if (parentOf.size !== shards.length) throw new Error('A shard is listed twice')
  for (const { shardId, at } of shards) {
    let ancestor = parentOf.get(shardId)
    for (let steps = 0; ancestor !== undefined; steps++, ancestor = parentOf.get(ancestor)) {
      if (steps > shards.length) throw new Error(`The shard ${shardId} is its own ancestor`)
    }
    const hasTime = typeof at === 'object' && 'since' in at
    if (hasTime && Number.isNaN(new Date(at.since).getTime())) throw new Error(`${at.since} is not a time`)
  }
}

function checkIsStable(token: StreamToken): void {
  const reloaded = parseToken(JSON.stringify(token))
  if (!isDeepStrictEqual(reloaded, token)) {
    throw new Error(`${JSON.stringify(token)} is reloaded as ${JSON.stringify(reloaded)}`)
  }
}

function checkIsSamePosition(token: StreamToken, position: ParsedPosition | undefined): void {
  const isSame = position?.kind === 'token' && isDeepStrictEqual(position.token, token)
  if (!isSame) throw new Error(`As a position, the token is parsed as ${JSON.stringify(position)}`)
}

function checkPrototypes(): void {
  prototypes.forEach((prototype, index) => {
    if (Reflect.ownKeys(prototype).length !== propertyCounts[index]) {
      throw new Error(`${prototype.constructor.name}.prototype was changed`)
    }
  })
}
