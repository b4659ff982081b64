import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { dynamoDBCheckpointStore } from '../../src/checkpoints/dynamodb.ts'
import { type Fate, faultyProxy, type ProxiedCall } from '../support/faulty-proxy.ts'
import { numberedToken, numberIn } from '../support/numbered-token.ts'

export type WorkerReport =
  | { readonly kind: 'loaded'; readonly number: number; readonly epoch: number }
  | { readonly kind: 'saved'; readonly number: number }
  | { readonly kind: 'failed'; readonly code: string; readonly isOwn: boolean; readonly message: string }

export interface FightOptions {
  readonly client: DynamoDBClient
  readonly endpoint: string
  readonly seconds: number
  readonly workers: number
}

export interface FightResult {
  readonly leases: number
  readonly saves: number
  readonly conflicts: number
  readonly kills: number
  readonly suspensions: number
  readonly reads: number
  /** One sentence for each broken guarantee. */
  readonly violations: readonly string[]
}

/**
 * Runs worker processes that compete for one checkpoint in DynamoDB, behind a proxy that delays, drops,
 * rejects and repeats calls. Workers are killed and suspended at random. The number in the checkpoint must
 * never decrease, nor be less than a number whose save was acknowledged. No two leases may have the same
 * epoch, no worker may find a damaged checkpoint, and no worker may be in conflict with itself.
 */
export async function fightOverCheckpoint({
  client,
  endpoint,
  seconds,
  workers,
}: FightOptions): Promise<FightResult> {
  const tableName = `fight-${randomUUID()}`
  const name = 'contested'
  const store = dynamoDBCheckpointStore({ client, tableName, owner: 'referee' })
  await store.peek(name)
  await using proxy = await faultyProxy(endpoint, randomFate)
  const violations: string[] = []
  const counts = { leases: 0, saves: 0, conflicts: 0, kills: 0, suspensions: 0, reads: 0 }
  const epochs = new Set<number>()
  const children = new Set<ChildProcess>()
  let acknowledged = 0
  let isOver = false

  const onReport = (report: WorkerReport): void => {
    switch (report.kind) {
      case 'loaded':
        counts.leases++
        if (epochs.has(report.epoch)) violations.push(`two leases have the epoch ${report.epoch}`)
        epochs.add(report.epoch)
        return
      case 'saved':
        counts.saves++
        acknowledged = Math.max(acknowledged, report.number)
        return
      case 'failed':
        if (report.code === 'checkpoint.conflict') counts.conflicts++
        if (report.code === 'token.invalid') violations.push(`the checkpoint was damaged: ${report.message}`)
        if (report.isOwn) violations.push(`a worker was in conflict with itself: ${report.message}`)
    }
  }
  const start = (index: number): void => {
    const args = [
      '--endpoint',
      proxy.endpoint,
      '--table',
      tableName,
      '--name',
      name,
      '--index',
      String(index),
    ]
    const child = fork(fileURLToPath(new URL('checkpoint-worker.ts', import.meta.url)), args, {
      execArgv: ['--import', import.meta.resolve('tsx')],
      env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    children.add(child)
    child.on('message', (report) => onReport(report as WorkerReport))
    child.on('exit', () => {
      children.delete(child)
      if (!isOver) start(index)
    })
  }

  try {
    for (let index = 0; index < workers; index++) start(index)
    const endsAt = performance.now() + seconds * 1_000
    let seen = 0
    let nextFaultAt = performance.now() + 2_000
    while (performance.now() < endsAt) {
      await wait(25)
      const before = acknowledged
      const number = numberIn(await store.peek(name)) ?? 0
      counts.reads++
      if (number < seen) violations.push(`the checkpoint went back from ${seen} to ${number}`)
      if (number < before) violations.push(`${before} was acknowledged, but the checkpoint is ${number}`)
      seen = number
      if (performance.now() < nextFaultAt) continue
      nextFaultAt = performance.now() + 300 + Math.random() * 900
      const victim = [...children][Math.floor(Math.random() * children.size)]
      if (victim && Math.random() < 0.5) {
        counts.kills++
        victim.kill('SIGKILL')
      } else if (victim) {
        counts.suspensions++
        victim.kill('SIGSTOP')
        setTimeout(() => victim.kill('SIGCONT'), 200 + Math.random() * 1_500).unref()
      }
    }
  } finally {
    isOver = true
    for (const child of children) child.kill('SIGKILL')
  }
  await proxy.lateCalls()
  const final = numberIn(await store.load(name)) ?? 0
  if (final < acknowledged) {
    violations.push(`${acknowledged} was acknowledged, but the final checkpoint is ${final}`)
  }
  await store.save(name, numberedToken(final + 1))
  return { ...counts, violations }
}

function randomFate({ operation }: ProxiedCall): Fate {
  const chance = Math.random()
  if (chance < 0.03) return { do: 'drop' }
  if (chance < 0.07) return { do: 'loseResponse' }
  if (chance < 0.11) return { do: 'refuse', error: 'ProvisionedThroughputExceededException' }
  if (chance < 0.15 && operation !== 'GetItem') {
    return { do: 'deliverLate', afterMs: 50 + Math.random() * 1_500 }
  }
  return { do: 'pass', afterMs: Math.random() < 0.1 ? Math.random() * 400 : Math.random() * 10 }
}
