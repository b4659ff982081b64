import { describe, expect, it } from 'vitest'
import { findWeakness } from './interfere.ts'
import { playParking } from './play.ts'
import { longScripts, scripts } from './scripts.ts'

/** `TAKEOVER_STRIDE=1 npx vitest run test/model/parking` tries all moments, not every second one. */
const TAKEOVER_STRIDE = Number(process.env.TAKEOVER_STRIDE ?? 2)

const kinds = scripts.map((history) => ({ kind: history.kind, history }))

describe('a scripted history of parked keys', () => {
  it.each(kinds)(
    'violates no guarantee if the process is killed at any moment: $kind',
    async ({ history }) => {
      expect(await findWeakness(history, 'kill')).toBeUndefined()
    },
  )

  it.each(kinds)(
    'violates no guarantee if another worker takes over at any moment: $kind',
    async ({ history }) => {
      expect(await findWeakness(history, 'takeOver', TAKEOVER_STRIDE)).toBeUndefined()
    },
  )

  it.each(kinds)(
    'violates no guarantee if the worker is stopped or paused at any moment: $kind',
    async ({ history }) => {
      expect(await findWeakness(history, 'restart', 3)).toBeUndefined()
      expect(await findWeakness(history, 'rerun', 3)).toBeUndefined()
      expect(await findWeakness(history, 'pause', 6)).toBeUndefined()
    },
  )

  it.each(longScripts)('violates no guarantee: $kind', async (history) => {
    await expect(playParking(history)).resolves.toBeDefined()
  })

  it('the histories reach every call of the stores', async () => {
    const names = new Set<string>()
    for (const history of scripts) for (const name of (await playParking(history)).moments) names.add(name)
    for (const call of ['acquire', 'save', 'read', 'requests', 'complete', 'remove']) {
      for (const how of ['is called', 'has taken effect', 'has been answered']) {
        expect(names).toContain(`parking.${call} ${how}`)
      }
    }
    expect(names).toContain('checkpoint.save has taken effect')
    expect(names).toContain('a handler starts')
    expect(names).toContain('a task ends')
  })
})
