import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { coordinatorDefaults } from '../../src/coordinator/options.ts'
import { batchDefaults } from '../../src/stream/batch-options.ts'
import { checkpointDefaults, openStreamDefaults } from '../../src/stream/open-stream-options.ts'

/** The `@default` tags of an interface's options that have a plain value, by option. */
function documented(file: string, name: string): Record<string, unknown> {
  const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
  const body = source.split(new RegExp(`export interface ${name}\\b.*\\{`))[1]?.split('\n}\n')[0] ?? ''
  const tags = [...body.matchAll(/@default (.+)\n\s+\*\/\n\s+readonly (\w+)\?/g)]
  const plain = tags.filter(([, text = '']) => /^(\d+|'[^']*'|\{.+\})$/.test(text))
  return Object.fromEntries(plain.map(([, text, option]) => [option, evaluate(text as string)]))
}

function evaluate(text: string): unknown {
  return JSON.parse(text.replaceAll("'", '"').replace(/(\w+):/g, '"$1":'))
}

describe('the defaults that the docs name are the defaults', () => {
  it.each([
    ['coordinator/options.ts', 'CoordinatorOptions', coordinatorDefaults],
    ['stream/batch-options.ts', 'BatchOptions', batchDefaults],
    ['stream/open-stream-options.ts', 'OpenStreamOptions', openStreamDefaults],
    ['stream/open-stream-options.ts', 'CheckpointOptions', checkpointDefaults],
  ])('%s: %s', (file, name, defaults) => {
    expect(documented(file, name)).toEqual(defaults)
  })
})
