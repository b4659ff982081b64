import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ages, counters, duration, levels } from '../../../src/telemetry/metric-definitions.ts'

const guide = readFileSync(new URL('../../../docs/guide/observability.md', import.meta.url), 'utf8')

describe('docs/guide/observability.md', () => {
  it('lists every metric with its type and unit, and no other', () => {
    const section = guide.split('## Metrics')[1]?.split('\n## ')[0] ?? ''
    const rows = section.matchAll(/^\| `((?:dynamodb_stream|messaging)\.[\w.]+)` \| ([\w -]+) \| (\S+) \|/gm)
    const documented = [...rows].map(([, name, type, unit]) => ({ name, type, unit }))
    const typed = (type: string) => (definition: { readonly name: string; readonly unit: string }) => ({
      name: definition.name,
      type,
      unit: definition.unit,
    })
    const defined = [
      ...counters.map(typed('counter')),
      ...levels.map(typed('up-down counter')),
      ...ages.map(typed('gauge')),
      typed('histogram')(duration),
    ]
    const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
      String(a.name).localeCompare(String(b.name))
    expect(documented.sort(byName)).toEqual(defined.sort(byName))
  })

  it('names every value of fate, reason and outcome', () => {
    for (const { attributes } of counters.flatMap(({ series }) => series)) {
      for (const value of Object.values(attributes)) expect(guide).toContain(`\`${value}\``)
    }
  })
})
