import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundleProgram } from '../../support/bundle.ts'
import type { Observed } from './canary-program.ts'

const CANARY = 'canary4711'

/** The canary as the wire format and inspect() of a binary value show it. */
const FORMS = [
  CANARY,
  Buffer.from(CANARY).toString('base64').slice(0, 12),
  Buffer.from(CANARY).toString('hex'),
]

describe('a canary in every key and attribute of all items', () => {
  let observed: Observed
  let output: { readonly stdout: string; readonly stderr: string }

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'canary-'))
    const program = await bundleProgram(new URL('canary-program.ts', import.meta.url), folder)
    const file = join(folder, 'observed.json')
    output = await promisify(execFile)(process.execPath, ['--enable-source-maps', program, CANARY, file], {
      env: { ...process.env, NODE_DEBUG: 'dynamodb-stream-iterator*' },
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    })
    observed = JSON.parse(readFileSync(file, 'utf8')) as Observed
  })

  function expectNoCanary(text: string): void {
    expect(text).not.toBe('')
    for (const form of FORMS) {
      const at = text.toLowerCase().indexOf(form.toLowerCase())
      expect(at < 0 ? '' : text.slice(Math.max(0, at - 200), at + 50)).toBe('')
    }
  }

  it('is in the dead letters, so the test would find it', () => {
    expect(observed.letters).toContain(CANARY)
    expect(observed.letters).toContain('received')
  })

  it('is not in metrics', () => {
    expectNoCanary(observed.metrics)
    for (const type of ['Error', 'TimeoutError', 'Rejected', 'Invalid']) {
      expect(observed.metrics).toContain(`error_type="${type}"`)
    }
  })

  it('is not in spans, although traceContext returned it', () => {
    expect(observed.spans.length).toBeGreaterThan(20)
    expectNoCanary(observed.spans.join('\n'))
  })

  it('is not in events of the run and the stream, health, counters, tokens or the saved checkpoint', () => {
    const seen = [
      'attemptFailed',
      'deadLettered',
      'destinationRetry',
      'stalled',
      'unstalled',
      'checkpointSaved',
    ]
    expect(Object.keys(observed.events)).toEqual(expect.arrayContaining(seen))
    // The handler has thrown an error with this name itself.
    expectNoCanary(observed.reports.replaceAll(/Error of canary4711|canary4711 is wrong/g, ''))
  })

  it('is not in the errors of the library', () => {
    expect(observed.errors.join('\n')).toContain('handler.failed')
    expectNoCanary(observed.errors.join('\n'))
  })

  it('is not in the output of the process, with NODE_DEBUG set', () => {
    for (const form of FORMS) expect(output.stdout + output.stderr).not.toContain(form)
  })
})
