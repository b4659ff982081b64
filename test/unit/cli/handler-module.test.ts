import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exitCodes } from '../../../src/cli/errors.ts'
import { importHandler } from '../../../src/cli/handler-module.ts'

const folder = mkdtempSync(join(tmpdir(), 'handler-'))

function module(name: string, code: string): string {
  const path = join(folder, name)
  writeFileSync(path, code)
  return path
}

test.each([
  ['function.mjs', 'export default () => {}', 'record'],
  ['object.mjs', 'export default { handler() {} , handlerTimeoutMs: 5 }', 'record'],
  ['tasks.mjs', 'export default { tasks: { mail() {} } }', 'tasks'],
  ['common.cjs', 'module.exports = () => {}', 'record'],
  ['compiled.cjs', 'exports.__esModule = true; exports.default = () => {}', 'record'],
])('the handler in %s is loaded: %s', async (name, code, form) => {
  expect((await importHandler(module(name, code), undefined)).work.form).toBe(form)
})

test('--max-attempts applies to the handler', async () => {
  const path = module('attempts.mjs', 'export default () => {}')
  expect((await importHandler(path, 7)).options.retry.maxAttempts).toBe(7)
})

test.each([
  ['missing.mjs', undefined, /^--handler \S+missing\.mjs does not exist$/],
  ['.', undefined, /^--handler \S+ is not a file$/],
  ['import.mjs', 'import "./missing.mjs"', /import\.mjs cannot be loaded: .*Cannot find module/],
  ['broken.mjs', 'export default (', /^--handler \S+broken\.mjs cannot be loaded: /],
  ['throws.mjs', 'throw new TypeError("No database.")', /cannot be loaded: TypeError: No database\.$/],
  [
    'named.mjs',
    'export const handler = () => {}',
    /^--handler \S+named\.mjs has no default export, which must be/,
  ],
  [
    'wrong.mjs',
    'export default 5',
    /^The default export of --handler \S+wrong\.mjs is invalid: Option handler is 5, /,
  ],
  [
    'option.mjs',
    'export default { handler() {}, concurency: 5 }',
    /is invalid: There is no option concurency/,
  ],
])('%s is refused with a message', async (name, code, message) => {
  const path = code === undefined ? join(folder, name) : module(name, code)
  await expect(importHandler(path, undefined)).rejects.toMatchObject({
    message: expect.stringMatching(message),
    exitCode: exitCodes.usage,
  })
})
