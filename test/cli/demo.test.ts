import { readdirSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { startCli, temporaryFolder } from './support.ts'

// Processes are slow to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

test('the demo stops on Ctrl-C and leaves no process and no file behind', async () => {
  const folder = temporaryFolder()
  const demo = startCli(['demo'], { TMPDIR: folder, CI: 'true' })
  await demo.seen('stdout', /[1-9] being read/)
  const worker = Number(/worker running, process (\d+)/.exec(demo.output.stdout)?.[1])
  expect(isRunning(worker)).toBe(true)
  demo.child.kill('SIGINT')
  expect(await demo.ended).toMatchObject({ code: 130, stderr: '' })
  expect(isRunning(worker)).toBe(false)
  expect(readdirSync(folder).filter((name) => name.startsWith('dynamodb-stream-iterator-demo-'))).toEqual([])
})

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
