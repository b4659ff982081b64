import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { coordinatorDefaults } from '../../src/coordinator/options.ts'
import { batchHandlerDefaults } from '../../src/processing/handler.ts'
import { processDefaults, retryDefaults } from '../../src/processing/options.ts'
import { batchDefaults } from '../../src/stream/batch-options.ts'
import { checkpointDefaults, openStreamDefaults } from '../../src/stream/open-stream-options.ts'

/** The plain values of the `@default` tags of an interface, by option. */
function documented(file: string, name: string): Record<string, unknown> {
  const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
  const body = source.split(new RegExp(`export interface ${name}\\b[^{]*\\{`))[1]?.split('\n}\n')[0] ?? ''
  const tags = [...body.matchAll(/@default (.+)\n\s+\*\/\n\s+readonly (\w+)\?/g)]
  const plain = tags.filter(([, value = '']) => /^(\d+|'[^']*'|\{.+\})$/.test(value))
  return Object.fromEntries(plain.map(([, value, option]) => [option, evaluate(value as string)]))
}

function evaluate(literal: string): unknown {
  return JSON.parse(literal.replaceAll("'", '"').replace(/(\w+):/g, '"$1":'))
}

describe('documented defaults', () => {
  it.each([
    ['coordinator/options.ts', 'CoordinatorOptions', coordinatorDefaults],
    ['stream/batch-options.ts', 'BatchOptions', batchDefaults],
    ['stream/open-stream-options.ts', 'OpenStreamOptions', openStreamDefaults],
    ['stream/open-stream-options.ts', 'CheckpointOptions', checkpointDefaults],
    ['processing/options.ts', 'ProcessOptions', processDefaults],
    ['processing/options.ts', 'RetryOptions', retryDefaults],
    ['processing/handler.ts', 'BatchHandler', batchHandlerDefaults],
  ])('the defaults documented in %s for %s are the actual ones', (file, name, defaults) => {
    expect(documented(file, name)).toEqual(defaults)
  })
})
