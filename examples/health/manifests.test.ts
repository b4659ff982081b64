import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stopTimeouts } from './stop-timeouts.ts'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const unit = read('worker.service')
const deployment = read('deployment.yaml')
const worker = read('worker.ts')
const guide = read('../../docs/guide/running.md')

/** The exit code of a worker that was replaced, according to its source. */
const exitReplaced = /const EXIT_REPLACED = (\d+)/.exec(worker)?.[1]

/** Returns the settings of a unit, by section. Throws for a line that systemd would ignore. */
function parseUnit(text: string): Map<string, Map<string, string[]>> {
  const sections = new Map<string, Map<string, string[]>>()
  let settings: Map<string, string[]> | undefined
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, section] = /^\[(\w+)\]$/.exec(line) ?? []
    const [, name, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (section !== undefined) {
      settings = new Map()
      sections.set(section, settings)
    } else if (name !== undefined && settings) settings.set(name, [...(settings.get(name) ?? []), value])
    else throw new Error(`systemd does not understand the line: ${line}`)
  }
  return sections
}

test('the systemd unit restarts the worker after a failure, but not after it was replaced', () => {
  const service = parseUnit(unit).get('Service')
  expect(service?.get('Restart')).toEqual(['on-failure'])
  expect(service?.get('RestartPreventExitStatus')).toEqual([exitReplaced])
  expect(parseUnit(unit).get('Unit')?.get('StartLimitIntervalSec')).toEqual(['0'])
})

test('the systemd unit sends SIGTERM to the worker, and SIGKILL after the time that the worker knows', () => {
  const service = parseUnit(unit).get('Service')
  const [stopSeconds = ''] = service?.get('TimeoutStopSec') ?? []
  expect(service?.get('Environment')).toContain(`STOP_SECONDS=${stopSeconds}`)
  expect(service?.get('KillSignal')).toEqual(['SIGTERM'])
  expect(() => stopTimeouts(Number(stopSeconds) * 1_000)).not.toThrow()
})

test.skipIf(spawnSync('systemd-analyze', ['--version']).error !== undefined)(
  'systemd-analyze finds no fault in the systemd unit',
  () => {
    const path = join(mkdtempSync(join(tmpdir(), 'unit-')), 'orders-worker.service')
    // It also checks that the program can be executed.
    writeFileSync(path, unit.replace('/usr/bin/node', process.execPath))
    const { stdout, stderr, status } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
    expect({ output: stdout + stderr, status }).toEqual({ output: '', status: 0 })
  },
)

test('the Kubernetes manifest never runs two workers during an update, and leaves a worker its time to stop', () => {
  expect(deployment).toMatch(/^ {2}replicas: 1\b/m)
  expect(deployment).toMatch(/strategy:\s+type: Recreate\b/)
  const [, graceSeconds = ''] = /terminationGracePeriodSeconds: (\d+)/.exec(deployment) ?? []
  expect(deployment).toContain(`name: STOP_SECONDS, value: "${graceSeconds}"`)
  expect(() => stopTimeouts(Number(graceSeconds) * 1_000)).not.toThrow()
})

test('the Kubernetes manifest restarts a worker that does not respond, but not one that is stalled', () => {
  expect(deployment).toMatch(/readinessProbe:\s+httpGet: \{ path: \/ready, port: health \}/)
  expect(deployment).toMatch(/livenessProbe:\s+httpGet: \{ path: \/live, port: health \}/)
})

test('the manifests set only variables that the worker reads', () => {
  const inUnit = [...unit.matchAll(/^Environment=(\w+)=/gm)].map(([, name]) => name)
  const inDeployment = [...deployment.matchAll(/- \{ name: (\w+), value:/g)].map(([, name]) => name)
  expect(inUnit).toContain('TABLE')
  expect(inDeployment).toContain('TABLE')
  const [settings = ''] = /const \{[\s\S]*?\} = process\.env/.exec(worker) ?? []
  for (const name of [...inUnit, ...inDeployment]) expect(settings).toMatch(new RegExp(`\\b${name}\\b`))
})

test.each([
  ['unit', unit],
  ['manifest', deployment],
])('the guide shows the %s as it is', (_, text) => {
  expect(guide).toContain(`\n${text}\`\`\`\n`)
})
