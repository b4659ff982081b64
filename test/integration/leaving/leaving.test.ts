import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'

interface Told {
  readonly kind: 'own' | 'made'
  readonly name: string
  readonly end?: unknown
  readonly before: string
  readonly after: string
  readonly unhandled: readonly unknown[]
}

const program = fileURLToPath(new URL('program.ts', import.meta.url))

describe('a process that leaves its streams', () => {
  let told: Told[] = []

  beforeAll(async () => {
    // A process with a timer or a socket left would not end, and be killed.
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program], {
      timeout: 300_000,
    })
    told = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Told)
  })

  test.each(['own', 'made'] as const)('has no timer, socket or rejection left: clients %s', (kind) => {
    const ofKind = told.filter((one) => one.kind === kind)
    expect(ofKind.map(({ name, after }) => `${name}: ${after}`)).toEqual(
      ofKind.map(({ name, before }) => `${name}: ${before}`),
    )
    expect(ofKind.flatMap(({ unhandled }) => unhandled)).toEqual([])
    const endOf = (name: string) => ofKind.find((one) => one.name === name)?.end
    expect(endOf('close during a read that hangs')).toEqual({ done: true })
    expect(endOf('abort during a read that hangs')).toEqual({ done: true })
    expect(endOf('close during a moveTo that hangs')).toBe('closed')
    expect(endOf('abort while openStream opens shards')).toBe('enough')
    expect(endOf('close of a Coordinator during next')).toBe('closed')
  })
})
