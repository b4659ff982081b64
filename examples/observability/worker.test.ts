import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { expect, test } from 'vitest'
import { startProgram } from '../../test/cli/support.ts'

const pathOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const dashboard = JSON.parse(readFileSync(pathOf('grafana-dashboard.json'), 'utf8'))
const alerts = readFileSync(pathOf('alerts.yaml'), 'utf8')

interface Panel {
  readonly id: number
  readonly title: string
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly targets: readonly { readonly expr: string }[]
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
}

const panels: readonly Panel[] = dashboard.panels

/** A port that is free now. The exporter cannot choose one itself. */
async function freePort(): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A webhook that refuses the item `poison`. */
async function startWebhook() {
  const received = new Set<string>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { keys } = JSON.parse(Buffer.concat(chunks).toString())
    if (keys.id !== 'poison') received.add(String(request.headers['idempotency-key']))
    response.writeHead(keys.id === 'poison' ? 500 : 204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The metrics that the worker exports after it has handled 20 orders and given up another one. */
async function metricsOfWorker(): Promise<string> {
  const emulator = new StreamEmulator({ tableName: 'orders', shards: 2 })
  await using server = await emulator.listen()
  await using webhook = await startWebhook()
  const port = await freePort()
  const { child, ended, output } = startProgram(pathOf('worker.ts'), ['orders'], {
    AWS_ENDPOINT_URL: server.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    STATE_DIRECTORY: mkdtempSync(join(tmpdir(), 'observability-')),
    WEBHOOK_URL: webhook.url,
    METRICS_PORT: String(port),
  })
  const scrape = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined)
    return (await response?.text()) ?? ''
  }
  const seriesOf = (text: string, start: RegExp) => text.split('\n').filter((line) => start.test(line))
  let text = ''
  const until = async (condition: (text: string) => boolean) => {
    const deadline = Date.now() + 50_000
    while (!condition(text)) {
      if (Date.now() > deadline) throw new Error(`${output.stderr}\n${text}`)
      await wait(100)
      text = await scrape()
    }
  }
  await until((now) => /^dynamodb_stream_lag\{.*\} /m.test(now))
  for (let n = 0; n < 20; n++) emulator.put({ id: `order-${n}`, total: n })
  emulator.put({ id: 'poison', total: 1 })
  await until((now) =>
    seriesOf(now, /fate="deadLettered".*reason="exhausted"/).some((line) => line.endsWith('} 1')),
  )
  await until((now) => seriesOf(now, /^dynamodb_stream_lag\{/).some((line) => line.endsWith('} 0')))
  expect(webhook.received.size).toBe(20)
  child.kill('SIGTERM')
  expect((await ended).code).toBe(0)
  return text
}

/** The names of the metrics that a query contains. */
function metricsIn(query: string): string[] {
  return query.match(/\b(?:dynamodb_stream|messaging_(?:client|process))_\w+/g) ?? []
}

/** The selectors in a query, such as `dynamodb_stream_records_total{fate="deadLettered"}`. */
function selectorsIn(query: string): { readonly metric: string; readonly matchers: string }[] {
  const selectors = query.matchAll(
    /\b((?:dynamodb_stream|messaging_(?:client|process))_\w+)(?:\{([^}]*)\})?/g,
  )
  return [...selectors].map(([, metric = '', matchers = '']) => ({ metric, matchers }))
}

test('the worker exports every metric that the dashboard and the alerts query, and the dashboard shows all of them', async () => {
  const text = await metricsOfWorker()
  const lines = text.split('\n').filter((line) => /^(?:dynamodb_stream|messaging)_/.test(line))
  const exported = new Set(lines.map((line) => line.slice(0, line.indexOf('{'))))

  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const expressions = [...alerts.matchAll(/expr: (?:\|\n)?((?:.|\n)*?)\n {8}\w/g)].map(
    ([, expr = '']) => expr,
  )
  expect(expressions).toHaveLength(alerts.match(/- alert:/g)?.length ?? 0)
  for (const query of [...queries, ...expressions]) {
    expect(metricsIn(query).length, query).toBeGreaterThan(0)
    for (const { metric, matchers } of selectorsIn(query)) {
      expect(exported, query).toContain(metric)
      for (const [, label = '', operator, value = ''] of matchers.matchAll(/(\w+)(=~|!=|=)"([^"]*)"/g)) {
        const series = lines.filter((line) => line.startsWith(`${metric}{`))
        expect(
          series.some((line) => line.includes(`${label}="`)),
          `${metric} has ${label}`,
        ).toBe(true)
        const values = operator === '!=' || value.startsWith('$') ? [] : value.split('|')
        for (const one of values) {
          expect(
            series.some((line) => line.includes(`${label}="${one}"`)),
            `${label}="${one}"`,
          ).toBe(true)
        }
      }
    }
  }
  expect(new Set(queries.flatMap(metricsIn))).toEqual(exported)
}, 60_000)

test('the dashboard selects its data source, table and run by variables, and its panels do not overlap', () => {
  const { list } = dashboard.templating
  expect(list.map(({ name, type }: { name: string; type: string }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['table', 'query'],
    ['run', 'query'],
  ])
  const cells = new Set<string>()
  for (const { id, title, datasource, targets, gridPos } of panels) {
    expect(datasource, title).toEqual({
      type: 'prometheus',
      uid: expect.stringMatching(/^\$\{datasource\}$/),
    })
    for (const { expr } of targets) {
      for (const { matchers } of selectorsIn(expr)) {
        expect(matchers).toContain(
          'messaging_destination_name=~"$table", messaging_consumer_group_name=~"$run"',
        )
      }
    }
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(cells, `${id} ${title}`).not.toContain(`${x} ${y}`)
        cells.add(`${x} ${y}`)
      }
    }
  }
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
})
