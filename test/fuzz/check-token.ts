import { isDeepStrictEqual } from 'node:util'
import { isStreamError } from '../../src/core/errors.ts'
import { parseToken } from '../../src/position/parse-token.ts'
import { type ParsedPosition, parsePosition } from '../../src/position/position.ts'
import type { StreamToken } from '../../src/position/token.ts'

/** The longest message of a refusal: a line of a log. */
const MAX_MESSAGE_LENGTH = 250

const prototypes = [Object.prototype, Array.prototype, String.prototype]
const ownNames = prototypes.map((prototype) => Reflect.ownKeys(prototype).length)

/**
 * Parses something as a token and as a position. It either loads, is valid, and is the same when it is saved and loaded
 * again; or is refused with one short, printable line.
 *
 * @returns the token; undefined where it was refused
 * @throws Error that says which of this does not hold
 */
export function checkToken(input: unknown): StreamToken | undefined {
  const token = parsed(() => parseToken(input), ['token.invalid'])
  const position = parsed(() => parsePosition(input), ['token.invalid', 'position.invalid'])
  if (token) {
    checkIsValid(token)
    checkIsStable(token)
    checkIsSamePosition(token, position)
  }
  checkPrototypes()
  return token
}

function parsed<T>(parse: () => T, codes: readonly string[]): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (!isStreamError(error) || !codes.includes(error.code)) {
      throw new Error(`It is refused with another error than ${codes.join(' or ')}`, { cause: error })
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
      if (steps > shards.length) throw new Error(`The shard ${shardId} descends from itself`)
    }
    const hasTime = typeof at === 'object' && 'since' in at
    if (hasTime && Number.isNaN(new Date(at.since).getTime())) throw new Error(`${at.since} is not a time`)
  }
}

function checkIsStable(token: StreamToken): void {
  const again = parseToken(JSON.stringify(token))
  if (!isDeepStrictEqual(again, token)) {
    throw new Error(`${JSON.stringify(token)} is loaded again as ${JSON.stringify(again)}`)
  }
}

function checkIsSamePosition(token: StreamToken, position: ParsedPosition | undefined): void {
  const isSame = position?.kind === 'token' && isDeepStrictEqual(position.token, token)
  if (!isSame) throw new Error(`As a position it is ${JSON.stringify(position)}`)
}

function checkPrototypes(): void {
  prototypes.forEach((prototype, index) => {
    if (Reflect.ownKeys(prototype).length !== ownNames[index]) {
      throw new Error(`${prototype.constructor.name}.prototype was changed`)
    }
  })
}
