import { describe, expect, it } from 'vitest'
import { type HealthFacts, healthOf, type ProcessingHealth } from '../../../src/processing/health.ts'

const facts: HealthFacts = {
  hasFailed: false,
  hasEnded: false,
  isStopping: false,
  isPaused: false,
  isStalled: false,
  lastProgressAt: undefined,
  oldestUnsettledAt: undefined,
}

describe('healthOf', () => {
  it('a run that has not processed anything yet is running', () => {
    const expected = { state: 'running', lastProgressAt: undefined, oldestUnsettledAt: undefined }
    expect(healthOf(facts)).toEqual(expected)
  })

  it.each<[ProcessingHealth['state'], Partial<HealthFacts>]>([
    ['stalled', { isStalled: true }],
    ['paused', { isPaused: true, isStalled: true }],
    ['stopping', { isStopping: true, isPaused: true, isStalled: true }],
    ['stopped', { hasEnded: true, isStopping: true, isPaused: true }],
    ['failed', { hasFailed: true, isStopping: true }],
    ['failed', { hasFailed: true, hasEnded: true, isStopping: true }],
  ])('a run is %s if %o', (state, changes) => {
    expect(healthOf({ ...facts, ...changes }).state).toBe(state)
  })

  it('the times are dates, also the first moment of 1970', () => {
    const health = healthOf({ ...facts, lastProgressAt: 0, oldestUnsettledAt: Date.UTC(2026, 0, 1) })
    expect(health.lastProgressAt).toEqual(new Date(0))
    expect(health.oldestUnsettledAt).toEqual(new Date('2026-01-01T00:00:00Z'))
  })
})
