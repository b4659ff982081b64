import { PassThrough, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { recordOutput } from '../../../src/cli/standard-output.ts'

const never = new AbortController().signal

describe('recordOutput', () => {
  test('a write resolves only when the stream has accepted the data', async () => {
    const taken: string[] = []
    let takeNext = () => {}
    const stream = new Writable({
      write: (chunk, _, callback) => {
        taken.push(String(chunk))
        takeNext = callback
      },
    })
    const written = recordOutput(stream).write('a\n', never)
    let result: unknown
    void written.then((value) => {
      result = value
    })
    await new Promise(setImmediate)
    expect({ taken, result }).toEqual({ taken: ['a\n'], result: undefined })
    takeNext()
    expect(await written).toBe('written')
  })

  test('writes report a closed output once its reader has exited', async () => {
    const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    const stream = new Writable({ write: (_, __, callback) => callback(broken) })
    const output = recordOutput(stream)
    expect(await output.write('a\n', never)).toBe('closed')
    expect(await output.write('b\n', never)).toBe('closed')
  })

  test('a write to a full disk is rejected with the reason', async () => {
    const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' })
    const stream = new Writable({ write: (_, __, callback) => callback(full) })
    await expect(recordOutput(stream).write('a\n', never)).rejects.toMatchObject({
      code: 'output',
      message: 'Cannot write to standard output: no space left on the device (ENOSPC)',
    })
  })

  test('a write that is accepted immediately succeeds even after the stop signal', async () => {
    expect(await recordOutput(new PassThrough()).write('a\n', AbortSignal.abort())).toBe('written')
  })
})
