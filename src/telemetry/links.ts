import { guard } from './guard.ts'
import type { SpanContextLike, SpanLinkLike, TraceContext } from './tracer.ts'

/** How many links a span has at most: the default limit of OpenTelemetry's SDK. */
const MAX_LINKS = 128

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/

/** `00-<trace id>-<span id>-<flags>`; later versions may append parts (W3C Trace Context, section 3.2). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/

/**
 * Returns the links of a span to the spans that its records name. What is not a valid span context is
 * ignored, and of what is valid only the ids and flags are kept: a link must not contain values of an item.
 */
export function linksOf<Item>(
  items: readonly Item[],
  contextOf: (item: Item) => TraceContext | readonly TraceContext[] | undefined,
): SpanLinkLike[] {
  const links: SpanLinkLike[] = []
  for (const item of items) {
    const found = [guard(() => contextOf(item))].flat()
    for (const context of found) {
      if (links.length === MAX_LINKS) return links
      const parsed = guard(() => parse(context))
      if (parsed !== undefined) links.push({ context: parsed })
    }
  }
  return links
}

function parse(context: unknown): SpanContextLike | undefined {
  if (typeof context === 'string') return parseTraceparent(context)
  const { context: linked = context } = Object(context)
  const { traceId, spanId, traceFlags } = Object(linked)
  return createContext(traceId, spanId, traceFlags)
}

function parseTraceparent(header: string): SpanContextLike | undefined {
  const [, traceId, spanId, flags = ''] = TRACEPARENT.exec(header) ?? []
  return createContext(traceId, spanId, Number.parseInt(flags, 16))
}

function createContext(traceId: unknown, spanId: unknown, traceFlags: unknown): SpanContextLike | undefined {
  if (typeof traceId !== 'string' || !TRACE_ID.test(traceId)) return undefined
  if (typeof spanId !== 'string' || !SPAN_ID.test(spanId)) return undefined
  const flags = Number.isInteger(traceFlags) ? (traceFlags as number) & 0xff : 0
  return { traceId, spanId, traceFlags: flags, isRemote: true }
}
