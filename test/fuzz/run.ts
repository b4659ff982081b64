import { parseArgs } from 'node:util'
import { type FuzzResult, fuzzTokens } from './token-fuzz.ts'

const USAGE = `Parses random and damaged tokens, and stops at the first failure.

  npm run fuzz -- [--tokens 200000] [--seed 1] [--path 12:0:3]

--tokens  the number of tokens
--seed    the seed of the first batch; each batch of 2000 tokens uses the next seed
--path    repeats a single token of the batch --seed, as printed with a failure
`

const BATCH = 2_000

const { values } = parseArgs({
  options: {
    tokens: { type: 'string', default: '200000' },
    seed: { type: 'string', default: '1' },
    path: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

function wholeNumber(name: 'tokens' | 'seed', min: number): number {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number >= min) return number
  throw new RangeError(`--${name} must be a whole number of ${min} or more, not ${values[name]}`)
}

function fuzz(): FuzzResult {
  const total = wholeNumber('tokens', 1)
  const firstSeed = wholeNumber('seed', 0)
  if (values.path !== undefined) return fuzzTokens({ seed: firstSeed, count: 1, path: values.path })
  let loaded = 0
  let refused = 0
  for (let done = 0, seed = firstSeed; done < total; done += BATCH, seed++) {
    const result = fuzzTokens({ seed, count: Math.min(BATCH, total - done) })
    loaded += result.loaded
    refused += result.refused
    if (result.failure !== undefined) return { loaded, refused, failure: result.failure }
    if ((seed - firstSeed) % 10 === 9) {
      console.log(`${loaded + refused} of ${total} tokens done, up to seed ${seed}`)
    }
  }
  return { loaded, refused, failure: undefined }
}

if (values.help) console.log(USAGE)
else {
  const { loaded, refused, failure } = fuzz()
  console.log(failure ?? `${loaded} tokens were accepted, ${refused} were refused`)
  if (failure !== undefined) process.exitCode = 1
}
