import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Meter } from '@opentelemetry/api'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'

/** Metrics as Prometheus scrapes them over HTTP. */
export interface Scraper extends AsyncDisposable {
  readonly meter: Meter
  /** Scrapes once. */
  scrape(): Promise<Scrape>
}

export interface Scrape {
  readonly text: string
  /** The value of each series, by `name{label="value"}` with the labels that differ between the series. */
  readonly series: ReadonlyMap<string, number>
  /** Returns the value of a series of `dynamodb_stream_…`, such as `records_total{fate="handled"}`. */
  value(series: string): number | undefined
}

/** The labels of every series of a run. */
const COMMON_LABELS = /^(?:messaging_(?:system|destination_name|consumer_group_name|operation_name)|otel_.*)$/

/** Serves the metrics of a meter on a free port. */
export async function startScraper(): Promise<Scraper> {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const provider = new MeterProvider({ readers: [exporter] })
  const server = createServer((request, response) => exporter.getMetricsRequestHandler(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    meter: provider.getMeter('test'),
    scrape: async () => {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })
      return parseScrape(await response.text())
    },
    [Symbol.asyncDispose]: async () => {
      await provider.shutdown()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function parseScrape(text: string): Scrape {
  const series = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (name === undefined || name === 'target_info') continue
    const differing = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].filter(
      ([, label = '']) => !COMMON_LABELS.test(label),
    )
    const id = `${name}${differing.length > 0 ? `{${differing.map(([all]) => all).join(',')}}` : ''}`
    if (series.has(id)) throw new Error(`The series ${id} is exported twice.`)
    series.set(id, Number(value))
  }
  return { text, series, value: (id) => series.get(`dynamodb_stream_${id}`) }
}
