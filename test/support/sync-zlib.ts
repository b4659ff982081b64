import type { ZlibOptions } from 'node:zlib'

/*
 * Compression without threads, so that a test on a manual clock takes the same steps in every run:
 *
 *     vi.hoisted(() => vi.resetModules())
 *     vi.mock('node:zlib', () => import('../support/sync-zlib.ts'))
 *     afterAll(() => vi.resetModules())
 *
 * Test files share a process, and with it the modules that were loaded, with or without the mock.
 */

// An import would return the mock.
const { gunzipSync, gzipSync } = process.getBuiltinModule('node:zlib')

type Done = (error: Error | null, result?: Uint8Array) => void

export function gzip(data: string, done: Done): void {
  done(null, gzipSync(data, { level: 1 }))
}

export function gunzip(data: Uint8Array, options: ZlibOptions, done: Done): void {
  let result: Uint8Array
  try {
    result = gunzipSync(data, options)
  } catch (error) {
    done(error as Error)
    return
  }
  done(null, result)
}
