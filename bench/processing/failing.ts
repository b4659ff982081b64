import { type Bench, show, type Table } from '../support/report.ts'
import { runRounds, type Summary } from '../support/rounds.ts'
import { serve } from '../support/served-stream.ts'
import type { FailingInput, TokenInput } from './failing-contenders.ts'

const module = new URL('./failing-contenders.ts', import.meta.url)

export interface FailingResults {
  readonly failing: readonly { readonly keys: number; readonly summary: Summary; readonly kept: Summary }[]
  readonly tokens: readonly { readonly name: string; readonly summary: Summary }[]
}

/** What many failing keys cost, and the size of the token while records are unsettled. */
export const failing: Bench = async ({ quick }) => {
  const failing: FailingResults['failing'][number][] = []
  for (const keys of quick ? [1_000] : [1_000, 10_000, 100_000]) {
    const served = await serve({ shards: 1, recordsPerShard: keys })
    const input: FailingInput = { endpoint: served.endpoint, streamArn: served.stream.streamArn, keys }
    try {
      const contenders = ['failing keys', 'kept records'].map((name) => ({ name, input }))
      const [summary, kept] = await runRounds(module, contenders, quick ? 1 : 3)
      if (summary && kept) failing.push({ keys, summary, kept })
    } finally {
      served.stop()
    }
  }
  const tokens: FailingResults['tokens'][number][] = []
  for (const { name, ...input } of tokenLoads) {
    const [summary] = await runRounds(module, [{ name: 'token', input }], 1)
    if (summary) tokens.push({ name, summary })
  }
  const data: FailingResults = { failing, tokens }
  return { tables: [failingTable(failing), tokenTable(tokens)], data }
}

const tokenLoads: readonly (TokenInput & { readonly name: string })[] = [
  { name: '10,000 queued, 16 running', shards: 8, keys: 16, records: 10_016, fails: false },
  { name: '1,000 failing keys', shards: 8, keys: 1_000, records: 1_000, fails: true },
  { name: '1,000 failing keys, 9,000 records queued', shards: 8, keys: 1_000, records: 10_000, fails: true },
  { name: '10,000 failing keys', shards: 8, keys: 10_000, records: 10_000, fails: true },
]

function failingTable(results: FailingResults['failing']): Table {
  return {
    title: 'failing: keys that all fail, with a record of 1 kB each, retried within a minute',
    columns: [
      'keys',
      'memory per key, kB',
      '… of a record alone',
      'retries/s',
      'retries per timer tick',
      'CPU µs per timer tick',
      'longest block if all are due at once, ms',
    ],
    rows: results.map(({ keys, summary: { details }, kept }) => [
      keys.toLocaleString('en'),
      show((details.bytesPerKey?.median ?? Number.NaN) / 1_000),
      show((kept.details.bytesPerKey?.median ?? Number.NaN) / 1_000),
      show(details.retriesPerSecond?.median ?? Number.NaN),
      show(details.retriesPerTick?.median ?? Number.NaN),
      show(details.microsPerTick ?? Number.NaN),
      show(details.blockMs ?? Number.NaN),
    ]),
  }
}

function tokenTable(results: FailingResults['tokens']): Table {
  return {
    title: 'failing: the token, 8 shards',
    columns: ['', 'entries', 'JSON, kB', 'compressed, kB', 'write units per save'],
    rows: results.map(({ name, summary: { details } }) => [
      name,
      show(details.entries ?? Number.NaN),
      show((details.jsonBytes?.median ?? Number.NaN) / 1_000),
      show((details.packedBytes?.median ?? Number.NaN) / 1_000),
      show(details.units ?? Number.NaN),
    ]),
  }
}
