import { measure, type Side } from './measure.ts'

/* One side of a bench in a process of its own: `side-process.ts <module> <name of the side> <JSON input>`. */

const [, , module = '', name = '', input = '{}'] = process.argv
const { sides } = (await import(module)) as { sides: Record<string, Side<unknown>> }
const side = sides[name]
if (!side) throw new Error(`${module} has no side named ${name}`)
process.send?.(await measure(side, JSON.parse(input)))
process.disconnect()
