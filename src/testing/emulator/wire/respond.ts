import { crc32 } from 'node:zlib'
import { ServiceFault } from '../calls/errors.ts'
import { BrokenBody, ConnectionReset, htmlPage } from '../faults/transport.ts'
import { errorJson } from './encode.ts'
import { findOperation, type Operation, type WorldView } from './operations.ts'
import { parseMembers } from './parse-request.ts'

/** An answer in AWS JSON 1.0; `reset` stands for a connection that broke. */
export type Answer =
  | {
      readonly statusCode: number
      readonly contentType: string
      readonly body: string | Uint8Array
      /** How many bytes of the body arrive, where it breaks off. */
      readonly breaksOffAt: number | undefined
    }
  | 'reset'

/** Answers one request: `target` is its `X-Amz-Target`. Rejects only when `signal` aborts. */
export async function answer(
  world: WorldView,
  target: string,
  body: string,
  signal: AbortSignal,
): Promise<Answer> {
  let operation: Operation | undefined
  try {
    operation = findOperation(target)
    const result = await operation.call(world, parseMembers(body), signal)
    return jsonAnswer(200, operation.encode(world, result))
  } catch (error) {
    if (error instanceof ConnectionReset) return 'reset'
    if (error instanceof BrokenBody && operation)
      return brokenAnswer(error, operation.encode(world, error.result))
    if (error instanceof ServiceFault)
      return jsonAnswer(error.statusCode, errorJson(error.name, error.message))
    throw error
  }
}

function jsonAnswer(statusCode: number, body: string | Uint8Array): Answer {
  return { statusCode, contentType: 'application/x-amz-json-1.0', body, breaksOffAt: undefined }
}

function brokenAnswer({ kind, statusCode }: BrokenBody, body: string | Uint8Array): Answer {
  if (kind === 'html') return { statusCode, contentType: 'text/html', body: htmlPage, breaksOffAt: undefined }
  return { statusCode, contentType: 'application/x-amz-json-1.0', body, breaksOffAt: body.length >> 1 }
}

/** The headers of an answer, by their names in lower case. */
export function headersOf(
  world: WorldView,
  { statusCode, contentType }: Exclude<Answer, 'reset'>,
  body: Uint8Array,
): Record<string, string> {
  const isSummed = statusCode === 200 || world.form() === 'aws'
  return {
    'content-type': contentType,
    'content-length': String(body.length),
    'x-amzn-requestid': world.requestId(),
    date: new Date(world.service.now()).toUTCString(),
    ...(isSummed && { 'x-amz-crc32': String(crc32(body)) }),
  }
}
