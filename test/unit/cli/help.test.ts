import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type CommandName, commandSpecs } from '../../../src/cli/command-specs.ts'
import { exitCodeMeanings, exitCodes } from '../../../src/cli/errors.ts'
import { commandHelp, generalHelp } from '../../../src/cli/help.ts'

describe('help', () => {
  test('the guide lists every exit code with the same meaning as the help', () => {
    const guide = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8')
    for (const [code, meaning] of exitCodeMeanings) expect(guide).toContain(`| ${code} | ${meaning} |`)
  })

  test('the general help lists every exit code in at most 80 columns', () => {
    expect(exitCodeMeanings.map(([code]) => code)).toEqual(Object.values(exitCodes))
    for (const line of generalHelp().split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    for (const [code, meaning] of exitCodeMeanings) {
      expect(generalHelp()).toMatch(new RegExp(`^ +${code} +${meaning}$`, 'm'))
    }
  })

  test.each(Object.keys(commandSpecs) as CommandName[])(
    'the help of %s lists its options in at most 80 columns',
    (name) => {
      const text = commandHelp(name)
      for (const option of Object.keys(commandSpecs[name].options)) expect(text).toContain(`--${option}`)
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    },
  )

  test.each([
    ['tail', [0, 1, 2, 3, 4, 5, 6, 7, 130]],
    ['shards', [0, 1, 2, 3, 4, 6, 130]],
    ['lag', [0, 1, 2, 3, 4, 6, 7, 130]],
    ['redrive', [0, 1, 2, 3, 4, 5, 6, 130]],
    ['parked', [0, 1, 2, 3, 4, 6, 7, 130]],
    ['demo', [0, 1, 2, 130]],
  ] as const)('the help of %s lists only the exit codes that it can return', (name, codes) => {
    const [, list = ''] = commandHelp(name).split('Exit codes:\n')
    expect([...list.matchAll(/^ {2}(\d+) /gm)].map(([, code]) => Number(code))).toEqual(codes)
    expect(list.includes('0    success, also when stopped with Ctrl-C')).toBe(name === 'tail')
  })
})
