import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { anyHistory, kinds } from './histories.ts'
import { play } from './play.ts'
import { tellStory } from './story.ts'
import type { History } from './steps.ts'

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kind: { type: 'string' },
    path: { type: 'string' },
  },
})

const seed = Number(values.seed)
const count = Number(values.histories)
const arbitrary = values.kind === undefined ? anyHistory : kinds[values.kind]
if (!arbitrary) throw new RangeError(`--kind is one of ${Object.keys(kinds).join(', ')}`)

const started = performance.now()
let played = 0
const stepsByKind = new Map<string, number>()
const property = fc.asyncProperty(arbitrary, async (history: History) => {
  played++
  for (const step of history.steps) {
    const name = step.do === 'fault' ? `fault ${step.effect}` : step.do
    stepsByKind.set(name, (stepsByKind.get(name) ?? 0) + 1)
  }
  await play(history)
})
const result = await fc.check(property, {
  seed,
  numRuns: count,
  ...(values.path !== undefined && { path: values.path }),
})
const seconds = (performance.now() - started) / 1000
console.log(`${played} histories in ${seconds.toFixed(1)} s: ${(played / seconds).toFixed(0)} a second`)
console.log([...stepsByKind].sort().map(([name, n]) => `${name} ${n}`).join(', '))
if (result.failed) {
  const [history] = result.counterexample as [History]
  console.log(await tellStory(history))
  console.log(String(result.errorInstance))
  console.log(`\nnpm run soak -- --seed ${result.seed} --path ${result.counterexamplePath}${values.kind ? ` --kind ${values.kind}` : ''}`)
  process.exitCode = 1
}
