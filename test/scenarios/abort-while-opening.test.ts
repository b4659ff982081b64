import { expect, it } from 'vitest'
import { openStream } from '../../src/index.ts'
import { emulatedTable } from '../support/emulated-table.ts'

it('openStream() that is aborted while its first position is being saved rejects at once with the abort reason', async () => {
  const { clock, emulator } = emulatedTable()
  const controller = new AbortController()
  const store = { load: async () => undefined, save: () => new Promise<void>(() => {}) }
  let end: unknown = 'opening'
  openStream({
    streamArn: emulator.streamArn,
    client: emulator.api,
    clock,
    signal: controller.signal,
    checkpoint: { store, name: 'worker' },
  }).catch((error: unknown) => {
    end = error
  })
  await clock.advance(5_000)
  const reason = new Error('enough')
  controller.abort(reason)
  await clock.advance(1_000)
  expect(end).toBe(reason)
})
