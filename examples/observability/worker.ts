// Posts every change of a table to a webhook, and serves metrics for Prometheus on port 9464:
//   WEBHOOK_URL=https://example.com/orders npx tsx examples/observability/worker.ts orders
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { fileCheckpointStore, fileDestination, openStream, processStream } from 'dynamodb-stream-iterator'

const { WEBHOOK_URL = 'http://localhost:3000/', METRICS_PORT = '9464', STATE_DIRECTORY = '.' } = process.env
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

// Started here rather than by the constructor, so that a port that is in use ends the process.
const exporter = new PrometheusExporter({ port: Number(METRICS_PORT), preventServerStart: true })
await exporter.startServer()
const metrics = new MeterProvider({ readers: [exporter] })

class WebhookError extends Error {
  override readonly name = 'WebhookError' // the error.type of its failed calls
}

try {
  await using stream = await openStream({
    tableName: process.argv[2] ?? 'orders',
    checkpoint: { store: fileCheckpointStore(`${STATE_DIRECTORY}/checkpoints`), name: 'webhook' },
    signal: stop.signal,
  })
  await processStream(
    stream,
    async ({ eventId, eventName, keys, newImage }, { signal }) => {
      const response = await fetch(WEBHOOK_URL, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': eventId },
        body: JSON.stringify({ eventName, keys, newImage }),
        signal,
      })
      if (!response.ok) throw new WebhookError(`The webhook responded with ${response.status}.`)
    },
    {
      meter: metrics.getMeter('webhook-worker'),
      handlerTimeoutMs: 10_000,
      retry: { maxAttempts: 5, maxDelayMs: 5_000 },
      onFailure: fileDestination(`${STATE_DIRECTORY}/dead-letters.jsonl`),
    },
  )
} catch (error) {
  if (error !== stop.signal.reason) throw error
} finally {
  await metrics.shutdown()
}
