import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandResult, runNode } from './run-command.ts'

export type StageName =
  | 'unit'
  | 'Coordinator model'
  | 'stream model'
  | 'processing model'
  | 'parking model'
  | 'standby model'
  | 'scenarios'
  | 'all unit'

/** How a stage killed a mutant. */
export interface Kill {
  readonly stage: StageName
  readonly by: 'test' | 'timeout'
  /** The title of the failed test, or the violated guarantee. */
  readonly what: string
  /** The file of the failed test, if the stage runs test files. */
  readonly testFile?: string | undefined
}

export interface StageResult {
  readonly kill: Kill | undefined
  readonly tookMs: number
}

export interface Stage {
  readonly name: StageName
  /** @param testFile - limits the run to this file, if the stage runs test files. */
  run(folder: string, limitMs: number, testFile?: string): Promise<StageResult>
}

/** The unit tests closest to each folder of `src`, which take a few seconds. */
const unitTests: Readonly<Record<string, readonly string[]>> = {
  checkpoints: ['checkpoints/checkpointer.test.ts', 'stream/'],
  coordinator: ['coordinator/', 'reader/', 'shards/'],
  core: ['core/'],
  lambda: ['lambda/'],
  merge: ['merge/', 'records/'],
  processing: ['processing/'],
  reader: ['reader/', 'coordinator/', 'shards/'],
  shards: ['shards/', 'coordinator/'],
  stream: ['stream/', 'checkpoints/checkpointer.test.ts'],
  'streams-api': ['streams-api/'],
  wire: ['wire/', 'records/', 'merge/', 'streams-api/'],
}

/** Unit tests of parts without mutants: the command line, the documentation and the emulator. */
const NOT_RUN = ['cli', 'docs', 'testing']

/** The stages for a mutant of the given file, cheapest first. */
export function stagesFor(file: string): Stage[] {
  const folder = file.split('/')[1] ?? ''
  const near = (unitTests[folder] ?? []).map((path) => `test/unit/${path}`)
  if (near.length === 0 || !near.every((path) => existsSync(path)))
    throw new Error(`No unit tests for ${folder}`)
  const unit = tests('unit', near)
  if (/lease|checkpoints\/dynamodb/.test(file)) return [unit, standbyModel, scenarios, allUnit]
  if (folder === 'stream' || folder === 'checkpoints') return [unit, streamModel, scenarios, allUnit]
  if (file.startsWith('src/processing/park')) return [unit, parkingModel, scenarios, allUnit]
  if (folder === 'lambda') return [unit, scenarios, allUnit]
  if (folder === 'processing') return [unit, processingModel, parkingModel, scenarios, allUnit]
  if (folder === 'shards') return [unit, coordinatorModel, processingModel, scenarios, allUnit, streamModel]
  return [unit, coordinatorModel, scenarios, allUnit, streamModel]
}

function allUnitTests(): string[] {
  const entries = readdirSync('test/unit', { withFileTypes: true }).filter(
    ({ name }) => !NOT_RUN.includes(name),
  )
  return entries.map((entry) => `test/unit/${entry.name}${entry.isDirectory() ? '/' : ''}`)
}

function tests(name: StageName, paths: readonly string[]): Stage {
  return {
    name,
    async run(folder, limitMs, testFile) {
      const report = join(folder, 'report.json')
      rmSync(report, { force: true })
      const vitest = join(folder, 'node_modules', 'vitest', 'vitest.mjs')
      const selected = testFile === undefined ? paths : [testFile]
      // The stage has a time limit. Limits of single tests would fail on a busy machine.
      const limits = ['--bail', '1', '--maxWorkers', '1', '--testTimeout', '3600000']
      const args = [vitest, 'run', ...selected, ...limits, '--reporter', 'json', '--outputFile', report]
      const result = await runNode(args, folder, limitMs)
      return stageResult(name, result, () => failedTest(report))
    },
  }
}

function soak(name: StageName, options: readonly string[]): Stage {
  return {
    name,
    async run(folder, limitMs) {
      const args = ['--import', 'tsx', 'test/model/soak.ts', '--quick', '--workers', '1', ...options]
      const result = await runNode(args, folder, limitMs)
      return stageResult(name, result, () => ({ what: violationIn(result.output) }))
    },
  }
}

function stageResult(
  stage: StageName,
  { status, hasTimedOut, output, tookMs }: CommandResult,
  find: () => { readonly what: string | undefined; readonly testFile?: string },
): StageResult {
  if (hasTimedOut) return { kill: { stage, by: 'timeout', what: 'time limit' }, tookMs }
  if (status === 0) return { kill: undefined, tookMs }
  const { what = `failed without a report: ${output.trim().slice(-300)}`, testFile } = find()
  return { kill: { stage, by: 'test', what, testFile }, tookMs }
}

function violationIn(output: string): string | undefined {
  return /violated after .*/.exec(output)?.[0]
}

const coordinatorModel = soak('Coordinator model', ['--histories', '400'])
const streamModel = soak('stream model', ['--model', 'stream', '--histories', '200'])
const processingModel = soak('processing model', ['--model', 'processing', '--histories', '200'])
// Its scripted histories find more than random ones.
const parkingModel = tests('parking model', ['test/model/parking/'])
const standbyModel = tests('standby model', ['test/model/standby/'])
const scenarios = tests('scenarios', ['test/scenarios/'])
const allUnit = tests('all unit', allUnitTests())

/** All stages except the unit tests closest to a folder, which are a subset of all unit tests. */
export const allStages: readonly Stage[] = [
  coordinatorModel,
  streamModel,
  processingModel,
  parkingModel,
  standbyModel,
  scenarios,
  allUnit,
]

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

function failedTest(report: string): { what: string | undefined; testFile?: string } {
  if (!existsSync(report)) return { what: undefined }
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  for (const { name, assertionResults } of testResults) {
    const failed = assertionResults.find(({ status }) => status === 'failed')
    if (failed) return { what: failed.fullName, testFile: name.slice(name.indexOf('test/')) }
  }
  return { what: undefined }
}
