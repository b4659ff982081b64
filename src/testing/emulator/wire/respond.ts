import { crc32 } from 'node:zlib'
import { ServiceFault } from '../calls/errors.ts'
import { BrokenBody, ConnectionReset, htmlPage } from '../faults/transport.ts'
import { errorJson } from './encode.ts'
import { findOperation, type Operation, type WireContext } from './operations.ts'
import { parseMembers } from './parse-request.ts'

/** A response in AWS JSON 1.0, or `reset` for a connection reset. */
export type WireResponse =
  | {
      readonly statusCode: number
      readonly contentType: string
      readonly body: string | Uint8Array
      /** The number of bytes after which the body is cut off, if it is. */
      readonly truncatedAt: number | undefined
    }
  | 'reset'

/**
 * Processes one request, whose `X-Amz-Target` header is `target`. Rejects if `signal` aborts, or if the
 * effect function of a rule throws.
 */
export async function respond(
  context: WireContext,
  target: string,
  body: string,
  signal: AbortSignal,
): Promise<WireResponse> {
  let operation: Operation | undefined
  try {
    operation = findOperation(target)
    const result = await operation.call(context, parseMembers(body), signal)
    return jsonResponse(200, operation.encode(context, result))
  } catch (error) {
    if (error instanceof ConnectionReset) return 'reset'
    if (error instanceof BrokenBody && operation)
      return brokenResponse(error, operation.encode(context, error.result))
    if (error instanceof ServiceFault)
      return jsonResponse(error.statusCode, errorJson(error.name, error.message))
    throw error
  }
}

function jsonResponse(statusCode: number, body: string | Uint8Array): WireResponse {
  return { statusCode, contentType: 'application/x-amz-json-1.0', body, truncatedAt: undefined }
}

function brokenResponse({ kind, statusCode }: BrokenBody, body: string | Uint8Array): WireResponse {
  if (kind === 'html') return { statusCode, contentType: 'text/html', body: htmlPage, truncatedAt: undefined }
  return { statusCode, contentType: 'application/x-amz-json-1.0', body, truncatedAt: body.length >> 1 }
}

/** Returns the headers of a response, with names in lower case. */
export function headersOf(
  context: WireContext,
  { statusCode, contentType }: Exclude<WireResponse, 'reset'>,
  body: Uint8Array,
): Record<string, string> {
  const isFromGateway = contentType === 'text/html'
  const hasChecksum = !isFromGateway && (statusCode === 200 || context.form() === 'aws')
  return {
    'content-type': contentType,
    'content-length': String(body.length),
    date: new Date(context.service.now()).toUTCString(),
    ...(!isFromGateway && { 'x-amzn-requestid': context.requestId() }),
    ...(hasChecksum && { 'x-amz-crc32': String(crc32(body)) }),
  }
}
