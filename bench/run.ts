import { parseArgs } from 'node:util'
import { writeReadme } from './support/readme.ts'
import { type Bench, publish } from './support/report.ts'
import { missedTargets } from './support/targets.ts'

const USAGE = `Runs the benchmarks, which compare this package with alternatives where there are any.

  npm run bench -- [names] [--quick] [--readme]

--quick   fewer records and rounds, to check that the benchmarks work
--readme  writes the results to bench/README.md

Names: NAMES; default: all. Exits with 1 if a target is missed, except with --quick.
`

const benches: Record<string, () => Promise<Bench>> = {
  replay: async () => (await import('./replay/replay.ts')).replay,
  latency: async () => (await import('./latency/latency.ts')).latency,
  reshard: async () => (await import('./reshard/reshard.ts')).reshard,
  scale: async () => (await import('./scale/scale.ts')).scale,
  memory: async () => (await import('./memory/memory.ts')).memory,
  saturation: async () => (await import('./saturation/saturation.ts')).saturation,
  aging: async () => (await import('./aging/aging.ts')).aging,
  decode: async () => (await import('./micro/decode.ts')).decode,
  merge: async () => (await import('./micro/merge.ts')).merge,
  processing: async () => (await import('./processing/processing.ts')).processing,
  failing: async () => (await import('./processing/failing.ts')).failing,
  fleet: async () => (await import('./fleet/fleet.ts')).fleet,
  'item-key': async () => (await import('./micro/item-key.ts')).itemKey,
  token: async () => (await import('./micro/token.ts')).token,
}

const { values: options, positionals: names } = parse()
const unknown = names.filter((name) => !(name in benches))
if (unknown.length > 0) fail(`Unknown benchmark: ${unknown.join(', ')}`)
if (options.help) {
  process.stdout.write(usage())
  process.exit(0)
}

for (const [name, load] of Object.entries(benches)) {
  if (names.length > 0 && !names.includes(name)) continue
  const bench = await load()
  const report = await bench(options)
  publish(name, report, options)
  for (const line of missedTargets({ [name]: report.data })) {
    process.stderr.write(`Target missed: ${line}\n`)
    if (!options.quick) process.exitCode = 1
  }
}

if (options.readme) writeReadme(Object.keys(benches))

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        readme: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    return fail((error as Error).message)
  }
}

function usage(): string {
  return USAGE.replace('NAMES', Object.keys(benches).join(', '))
}

function fail(message: string): never {
  process.stderr.write(`${message}\n\n${usage()}`)
  process.exit(2)
}
