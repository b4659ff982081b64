import { type Contender, measure } from './measure.ts'

// Runs one contender of a benchmark in this process:
// `contender-process.ts <module> <name of the contender> <JSON input>`.

const [, , module = '', name = '', input = '{}'] = process.argv
const { contenders } = (await import(module)) as { contenders: Record<string, Contender<unknown>> }
const contender = contenders[name]
if (!contender) throw new Error(`${module} has no contender named ${name}`)
process.send?.(await measure(contender, JSON.parse(input)))
process.disconnect()
