import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, type ContextManager, context, ROOT_CONTEXT, type Tracer } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'

/** Spans as a program exports them, in memory. */
export interface Traces extends Disposable {
  readonly tracer: Tracer
  /** The spans that have ended. */
  readonly spans: readonly ReadableSpan[]
}

/** Records spans, with a context that follows asynchronous calls, as in a program that uses OpenTelemetry. */
export function recordTraces(): Traces {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  context.setGlobalContextManager(createContextManager())
  return {
    tracer: provider.getTracer('test'),
    get spans() {
      return exporter.getFinishedSpans()
    },
    [Symbol.dispose]: () => context.disable(),
  }
}

/** Like the one of `@opentelemetry/context-async-hooks`. */
function createContextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>()
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, fn, thisArg, ...args) => storage.run(active, () => fn.apply(thisArg, args)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => {
      storage.disable()
      return manager
    },
  }
  return manager
}

/** Everything that a span exports, as JSON. */
export function exportedJson({
  name,
  kind,
  attributes,
  links,
  events,
  status,
  resource,
}: ReadableSpan): string {
  return JSON.stringify({ name, kind, attributes, links, events, status, resource: resource.attributes })
}
