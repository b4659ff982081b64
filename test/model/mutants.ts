import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { parseArgs } from 'node:util'
import { mutants } from './mutant-list.ts'
import { type Mutant, mutate } from './mutants/mutant.ts'
import { allStages, type Kill, type Stage, type StageName, stagesFor } from './mutants/stages.ts'
import { copySources, type WorkingCopy } from './mutants/working-copy.ts'

const USAGE = `Mutation testing: changes the library in one place at a time and checks that a test fails.

  npx tsx test/model/mutants.ts [--only PATTERN] [--shard 1/4] [--workers 2] [--json FILE [--resume]]

--only     only mutants for which "<file>: <name>" matches this regular expression
--shard    1/4 selects every fourth mutant, starting with the first
--workers  the number of mutants that are tested concurrently; default: 2
--json     writes the results to this file. If it exists, the test that killed a mutant in that run is tried
           first, and results of mutants that are not selected are kept
--resume   skips mutants that were killed according to that file, and counts them as killed

Exits with 1 if a mutant does not apply to the sources, or if fewer than 90 % of the mutants are killed.
`

/** The share of the mutants that the tests must kill, not counting equivalent ones. */
const MIN_KILLED = 0.9

/** Runs at a lower priority than other processes of this machine. */
const NICENESS = 5

/**
 * The time limit of a stage: a multiple of the time that it takes with the unchanged sources, within bounds
 * (ms).
 */
const TIME_FACTOR = 4
const MIN_LIMIT_MS = 60_000
const MAX_LIMIT_MS = 3_600_000

/** The result of testing a mutant. */
interface Verdict {
  readonly file: string
  readonly name: string
  readonly result: 'killed' | 'survived' | 'equivalent' | 'does not apply'
  readonly kill?: Kill | undefined
  readonly tookMs?: number
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    shard: { type: 'string', default: '1/1' },
    workers: { type: 'string', default: '2' },
    json: { type: 'string' },
    resume: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const print = (text: string): void => void process.stdout.write(text)
const keyOf = ({ file, name }: { readonly file: string; readonly name: string }): string => `${file}: ${name}`

function selectMutants(): Mutant[] {
  const [index = 1, count = 1] = values.shard.split('/').map(Number)
  const pattern = new RegExp(values.only)
  return mutants.filter((mutant) => pattern.test(keyOf(mutant))).filter((_, at) => at % count === index - 1)
}

function readVerdicts(): Map<string, Verdict> {
  if (values.json === undefined || !existsSync(values.json)) return new Map()
  const verdicts = JSON.parse(readFileSync(values.json, 'utf8')) as Verdict[]
  return new Map(verdicts.map((verdict) => [keyOf(verdict), verdict]))
}

/**
 * Determines the time limits of the stages (ms) by running them with the unchanged sources, for which they
 * must pass.
 */
async function measureLimits(copies: readonly WorkingCopy[]): Promise<Map<StageName, number>> {
  const limits = new Map<StageName, number>()
  const remaining = [...allStages]
  const measure = async ({ folder }: WorkingCopy): Promise<void> => {
    for (let stage = remaining.shift(); stage; stage = remaining.shift()) {
      const { kill, tookMs } = await stage.run(folder, MAX_LIMIT_MS)
      if (kill) throw new Error(`The unchanged sources fail in stage ${kill.stage}: ${kill.what}`)
      limits.set(stage.name, Math.max(MIN_LIMIT_MS, TIME_FACTOR * tookMs))
      print(`unchanged sources, ${stage.name}: ${seconds(tookMs)}\n`)
    }
  }
  await Promise.all(copies.map(measure))
  return limits
}

async function testMutant(
  mutant: Mutant,
  copy: WorkingCopy,
  limits: ReadonlyMap<StageName, number>,
  previous: Kill | undefined,
): Promise<Verdict> {
  const { file, name } = mutant
  if (mutant.equivalent !== undefined) return { file, name, result: 'equivalent' }
  const mutated = mutate(copy.read(file), mutant)
  if (mutated === undefined) return { file, name, result: 'does not apply' }
  const startedAt = performance.now()
  const kill = await copy.withFile(file, mutated, () => findKill(stagesFor(file), copy, limits, previous))
  const tookMs = Math.round(performance.now() - startedAt)
  return { file, name, result: kill ? 'killed' : 'survived', kill, tookMs }
}

/**
 * Runs the stages in order until one fails, starting with the test that killed the mutant in an earlier run.
 */
async function findKill(
  stages: readonly Stage[],
  { folder }: WorkingCopy,
  limits: ReadonlyMap<StageName, number>,
  previous: Kill | undefined,
): Promise<Kill | undefined> {
  // The closest unit tests are a subset of all unit tests and have the same limit.
  const limitOf = ({ name }: Stage): number => limits.get(name === 'unit' ? 'all unit' : name) ?? MAX_LIMIT_MS
  const first = stages.find(({ name }) => name === previous?.stage)
  if (first) {
    const { testFile } = previous ?? {}
    const exists = testFile === undefined || existsSync(testFile)
    const kill = exists ? (await first.run(folder, limitOf(first), testFile)).kill : undefined
    if (kill) return kill
  }
  for (const stage of stages) {
    const { kill } = await stage.run(folder, limitOf(stage))
    if (kill) return kill
  }
  return undefined
}

async function testAll(
  selected: readonly Mutant[],
  previous: ReadonlyMap<string, Verdict>,
): Promise<Verdict[]> {
  const copies = Array.from({ length: Math.max(1, Number(values.workers)) }, copySources)
  const verdicts: Verdict[] = []
  const remaining = [...selected]
  try {
    const limits = await measureLimits(copies)
    const work = async (copy: WorkingCopy): Promise<void> => {
      for (let mutant = remaining.shift(); mutant; mutant = remaining.shift()) {
        const verdict = await testMutant(mutant, copy, limits, previous.get(keyOf(mutant))?.kill)
        verdicts.push(verdict)
        print(`${describe(verdict)}\n`)
        if (values.json !== undefined) writeVerdicts(values.json, verdicts)
      }
    }
    await Promise.all(copies.map(work))
  } finally {
    for (const copy of copies) copy.remove()
  }
  return verdicts
}

/** Merges the verdicts into the file, and removes those of mutants that no longer exist. */
function writeVerdicts(file: string, verdicts: readonly Verdict[]): void {
  const all = readVerdicts()
  for (const verdict of verdicts) all.set(keyOf(verdict), verdict)
  const listed = mutants.flatMap((mutant) => all.get(keyOf(mutant)) ?? [])
  writeFileSync(file, `${JSON.stringify(listed, undefined, 2)}\n`)
}

function describe({ file, name, result, kill, tookMs = 0 }: Verdict): string {
  const how = kill ? `, ${kill.stage}: ${kill.what}` : ''
  return `${result.toUpperCase()} ${file}: ${name}\n    ${seconds(tookMs)}${how}`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

/** @returns whether enough mutants were killed and all of them apply */
function summarize(verdicts: readonly Verdict[]): boolean {
  const count = (result: Verdict['result']): number => verdicts.filter((one) => one.result === result).length
  const killed = count('killed')
  const tried = killed + count('survived')
  const timeouts = verdicts.filter(({ kill }) => kill?.by === 'timeout').length
  for (const result of ['survived', 'does not apply'] as const) {
    const names = verdicts.filter((one) => one.result === result).map(keyOf)
    if (names.length > 0) print(`\n${result}:\n${names.map((name) => `  ${name}`).join('\n')}\n`)
  }
  const stages = new Map<StageName, number>()
  for (const { kill } of verdicts) if (kill) stages.set(kill.stage, (stages.get(kill.stage) ?? 0) + 1)
  print(`\n${[...stages].map(([stage, times]) => `${times} by ${stage}`).join(', ')}\n`)
  const percent = tried === 0 ? '' : ` (${((100 * killed) / tried).toFixed(1)} %)`
  print(`${killed} of ${tried} mutants killed${percent}, ${timeouts} of them by the time limit; `)
  print(`${count('equivalent')} equivalent, ${count('does not apply')} do not apply\n`)
  return count('does not apply') === 0 && killed >= MIN_KILLED * tried
}

async function run(): Promise<void> {
  setPriority(NICENESS)
  // A regular exit removes the copies and ends the processes that run in them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const previous = readVerdicts()
  const selected = selectMutants()
  const done = values.resume ? selected.flatMap((mutant) => killedBefore(mutant, previous)) : []
  const names = new Set(done.map(keyOf))
  const remaining = selected.filter((mutant) => !names.has(keyOf(mutant)))
  const verdicts = await testAll(remaining, previous)
  if (!summarize([...done, ...verdicts])) process.exitCode = 1
}

function killedBefore(mutant: Mutant, previous: ReadonlyMap<string, Verdict>): Verdict[] {
  const verdict = previous.get(keyOf(mutant))
  return verdict?.result === 'killed' && mutant.equivalent === undefined ? [verdict] : []
}

if (values.help) print(USAGE)
else await run()
