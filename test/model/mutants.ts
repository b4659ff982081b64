import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { parseArgs } from 'node:util'
import { mutants } from './mutant-list.ts'
import { type Mutant, mutate } from './mutants/mutant.ts'
import { allStages, type Kill, type Stage, type StageName, stagesFor } from './mutants/stages.ts'
import { copySources, type WorkingCopy } from './mutants/working-copy.ts'

const USAGE = `Breaks the library on purpose, in one way after the other, and lets the tests find it.

  npx tsx test/model/mutants.ts [--only PATTERN] [--shard 1/4] [--workers 2] [--json FILE [--resume]]

--only     mutants whose file and name match this regular expression
--shard    every fourth mutant, starting with the first
--workers  how many mutants are tried concurrently
--json     where to write the results. If the file exists, what found a mutant then is tried first now, and
           mutants that it does not name are kept in it
--resume   skips the mutants that were killed according to that file, and counts them

Exits with 1 if a mutant does not fit the sources, or if fewer than 90 % of the mutants are killed.
`

/** The share of mutants, without those that are equivalent, that the tests must find. */
const LEAST_KILLED = 0.9

/** Below the priority of whatever else runs on this machine. */
const NICENESS = 5

/** A stage may take this many times as long as with the unchanged sources, and at least so long (ms). */
const TIME_FACTOR = 4
const SHORTEST_LIMIT_MS = 60_000
const LONGEST_LIMIT_MS = 3_600_000

/** What became of a mutant. */
interface Verdict {
  readonly file: string
  readonly name: string
  readonly result: 'killed' | 'survived' | 'equivalent' | 'does not fit'
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

/** The time limits of the stages (ms), from how long they take with the unchanged sources, which they must accept. */
async function measureLimits(copies: readonly WorkingCopy[]): Promise<Map<StageName, number>> {
  const limits = new Map<StageName, number>()
  const remaining = [...allStages]
  const measure = async ({ folder }: WorkingCopy): Promise<void> => {
    for (let stage = remaining.shift(); stage; stage = remaining.shift()) {
      const { kill, tookMs } = await stage.run(folder, LONGEST_LIMIT_MS)
      if (kill) throw new Error(`The unchanged sources do not pass: ${kill.stage}: ${kill.what}`)
      limits.set(stage.name, Math.max(SHORTEST_LIMIT_MS, TIME_FACTOR * tookMs))
      print(`unchanged sources, ${stage.name}: ${seconds(tookMs)}\n`)
    }
  }
  await Promise.all(copies.map(measure))
  return limits
}

async function judge(
  mutant: Mutant,
  copy: WorkingCopy,
  limits: ReadonlyMap<StageName, number>,
  former: Kill | undefined,
): Promise<Verdict> {
  const { file, name } = mutant
  if (mutant.equivalent !== undefined) return { file, name, result: 'equivalent' }
  const mutated = mutate(copy.read(file), mutant)
  if (mutated === undefined) return { file, name, result: 'does not fit' }
  const startedAt = performance.now()
  const kill = await copy.withFile(file, mutated, () => findKill(stagesFor(file), copy, limits, former))
  const tookMs = Math.round(performance.now() - startedAt)
  return { file, name, result: kill ? 'killed' : 'survived', kill, tookMs }
}

/** Runs stage after stage until one fails; first what has found the mutant in an earlier run. */
async function findKill(
  stages: readonly Stage[],
  { folder }: WorkingCopy,
  limits: ReadonlyMap<StageName, number>,
  former: Kill | undefined,
): Promise<Kill | undefined> {
  // The closest unit tests are some of all, and have the same limit.
  const limitOf = ({ name }: Stage): number =>
    limits.get(name === 'unit' ? 'all unit' : name) ?? LONGEST_LIMIT_MS
  const first = stages.find(({ name }) => name === former?.stage)
  if (first) {
    const { testFile } = former ?? {}
    const isThere = testFile === undefined || existsSync(testFile)
    const kill = isThere ? (await first.run(folder, limitOf(first), testFile)).kill : undefined
    if (kill) return kill
  }
  for (const stage of stages) {
    const { kill } = await stage.run(folder, limitOf(stage))
    if (kill) return kill
  }
  return undefined
}

async function judgeAll(
  selected: readonly Mutant[],
  former: ReadonlyMap<string, Verdict>,
): Promise<Verdict[]> {
  const copies = Array.from({ length: Math.max(1, Number(values.workers)) }, copySources)
  const verdicts: Verdict[] = []
  const remaining = [...selected]
  try {
    const limits = await measureLimits(copies)
    const work = async (copy: WorkingCopy): Promise<void> => {
      for (let mutant = remaining.shift(); mutant; mutant = remaining.shift()) {
        const verdict = await judge(mutant, copy, limits, former.get(keyOf(mutant))?.kill)
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

/** Adds them to those that the file has of mutants that are still in the list. */
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

/** @returns whether enough were killed, and all fit */
function summarize(verdicts: readonly Verdict[]): boolean {
  const count = (result: Verdict['result']): number => verdicts.filter((one) => one.result === result).length
  const killed = count('killed')
  const tried = killed + count('survived')
  const timeouts = verdicts.filter(({ kill }) => kill?.by === 'timeout').length
  for (const result of ['survived', 'does not fit'] as const) {
    const names = verdicts.filter((one) => one.result === result).map(keyOf)
    if (names.length > 0) print(`\n${result}:\n${names.map((name) => `  ${name}`).join('\n')}\n`)
  }
  const stages = new Map<StageName, number>()
  for (const { kill } of verdicts) if (kill) stages.set(kill.stage, (stages.get(kill.stage) ?? 0) + 1)
  print(`\n${[...stages].map(([stage, times]) => `${times} by ${stage}`).join(', ')}\n`)
  const percent = tried === 0 ? '' : ` (${((100 * killed) / tried).toFixed(1)} %)`
  print(`${killed} of ${tried} mutants killed${percent}, ${timeouts} of them by a time limit; `)
  print(`${count('equivalent')} equivalent, ${count('does not fit')} do not fit\n`)
  return count('does not fit') === 0 && killed >= LEAST_KILLED * tried
}

async function run(): Promise<void> {
  setPriority(NICENESS)
  // An exit in good order removes the copies, and ends what runs in them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const former = readVerdicts()
  const selected = selectMutants()
  const done = values.resume ? selected.flatMap((mutant) => killedBefore(mutant, former)) : []
  const names = new Set(done.map(keyOf))
  const remaining = selected.filter((mutant) => !names.has(keyOf(mutant)))
  const verdicts = await judgeAll(remaining, former)
  if (!summarize([...done, ...verdicts])) process.exitCode = 1
}

function killedBefore(mutant: Mutant, former: ReadonlyMap<string, Verdict>): Verdict[] {
  const verdict = former.get(keyOf(mutant))
  return verdict?.result === 'killed' && mutant.equivalent === undefined ? [verdict] : []
}

if (values.help) print(USAGE)
else await run()
