import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'

type ClientOwner = 'caller' | 'library'

/** What the program reports for one state in which a stream is closed. */
interface StateReport {
  readonly clients: ClientOwner
  readonly name: string
  readonly end?: unknown
  readonly before: string
  readonly after: string
  readonly unhandled: readonly unknown[]
}

const program = fileURLToPath(new URL('program.ts', import.meta.url))

describe('shutdown of streams', () => {
  let reports: StateReport[] = []

  beforeAll(async () => {
    // A process with a timer or a socket left would not exit, and would be killed.
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program], {
      timeout: 300_000,
    })
    reports = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as StateReport)
  })

  test.each(['caller', 'library'] as const)(
    'a closed or aborted stream leaves no timer, socket or unhandled rejection: clients created by the %s',
    (owner) => {
      const ofOwner = reports.filter(({ clients }) => clients === owner)
      expect(ofOwner.map(({ name, after }) => `${name}: ${after}`)).toEqual(
        ofOwner.map(({ name, before }) => `${name}: ${before}`),
      )
      expect(ofOwner.flatMap(({ unhandled }) => unhandled)).toEqual([])
      const endOf = (name: string) => ofOwner.find((report) => report.name === name)?.end
      expect(endOf('close during a read that hangs')).toEqual({ done: true })
      expect(endOf('abort during a read that hangs')).toEqual({ done: true })
      expect(endOf('close during a moveTo that hangs')).toBe('closed')
      expect(endOf('abort while openStream opens shards')).toBe('aborted by the test')
      expect(endOf('close of a Coordinator during next')).toBe('closed')
    },
  )
})
