import { ChangeMessageVisibilityCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { s3Destination } from '../../../src/destinations/s3.ts'
import { runHere, startCli } from '../../cli/support.ts'
import { letterOf } from '../../support/dead-letters.ts'
import { letterJson } from '../../unit/redrive/redrive-subject.ts'
import { type Services, startServices } from '../destinations/services.ts'
import { handlerModule } from './support.ts'

let services: Services
beforeAll(async () => {
  services = await startServices(3)
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', services.proxy.endpoint)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await services[Symbol.asyncDispose]()
})
afterEach(() => services.proxy.heal())

const log = `log(record.sequenceNumber); return`

async function queueWith(name: string, ...bodies: readonly string[]): Promise<string> {
  const queueUrl = services.queue(name)
  for (const MessageBody of bodies) {
    await services.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }))
  }
  return queueUrl
}

function countsOf(name: string): { readonly ready: number; readonly inflight: number } {
  const { ready = [], inflight = [] } = services.server.inspectQueue(name)?.messages ?? {}
  return { ready: ready.length, inflight: inflight.length }
}

const denied = { do: 'refuse', status: 403, code: 'AccessDenied', message: 'Not authorized.' } as const

describe('a queue', () => {
  test('a redrive that is killed between the handler and the deletion repeats that letter, in order', async () => {
    const from = await queueWith('killed', letterJson(1, 'a'), letterJson(2, 'a'))
    const { path, handled } = handlerModule(log)
    const args = ['redrive', '--from', from, '--handler', path, '--wait', '1']
    services.proxy.inject({ do: 'hang' }, { operation: 'DeleteMessage', times: 1 })
    const { child, ended } = startCli(args, { AWS_ENDPOINT_URL_SQS: services.proxy.endpoint })
    await vi.waitFor(() => {
      expect(services.proxy.calls.some(({ operation }) => operation === 'DeleteMessage')).toBe(true)
    }, 60_000)
    child.kill('SIGKILL')
    await ended
    expect(handled()).toEqual(['1'])
    expect(countsOf('killed')).toEqual({ ready: 0, inflight: 2 })
    // The visibility timeout ends.
    for (const { receiptHandle } of services.server.inspectQueue('killed')?.messages.inflight ?? []) {
      const visibility = { QueueUrl: from, ReceiptHandle: receiptHandle, VisibilityTimeout: 0 }
      await services.sqs.send(new ChangeMessageVisibilityCommand(visibility))
    }
    expect(await runHere(args)).toMatchObject({ code: 0 })
    expect(handled()).toEqual(['1', '1', '2'])
    expect(countsOf('killed')).toEqual({ ready: 0, inflight: 0 })
  })

  test('without the permission to delete, only one letter is handled, and all become visible again', async () => {
    const from = await queueWith('undeletable', ...[1, 2, 3].map((number) => letterJson(number, 'a')))
    const { path, handled } = handlerModule(log)
    services.proxy.inject(denied, { operation: 'DeleteMessage' })
    const { code, stderr } = await runHere(['redrive', '--from', from, '--handler', path, '--wait', '1'])
    expect(code).toBe(4)
    expect(handled()).toEqual(['1'])
    expect(stderr).toMatch(/was handled, but could not be removed: the next redrive will handle it again/)
    expect(stderr).toMatch(
      /Cannot delete a message from the queue \S+: .*AccessDenied\) \[source\.denied\]\n$/,
    )
    expect(countsOf('undeletable')).toEqual({ ready: 3, inflight: 0 })
  })

  test('without the permission to receive, the command fails', async () => {
    const from = await queueWith('unreadable', letterJson(1, 'a'))
    services.proxy.inject(denied, { operation: 'ReceiveMessage' })
    const { code, stderr } = await runHere(['redrive', '--from', from, '--dry-run'])
    expect(code).toBe(4)
    expect(stderr).toMatch(
      /^\S+ Cannot receive messages from the queue \S+: .*AccessDenied\) \[source\.denied\]\n$/,
    )
  })

  test('calls that are throttled or whose connection breaks are repeated', async () => {
    const from = await queueWith('flaky', letterJson(1, 'a'), letterJson(2, 'a'))
    const { path, handled } = handlerModule(log)
    services.proxy.inject({ do: 'throttle' }, { operation: 'ReceiveMessage', times: 1 })
    services.proxy.inject({ do: 'reset' }, { operation: 'DeleteMessage', times: 1 })
    expect(await runHere(['redrive', '--from', from, '--handler', path, '--wait', '1'])).toMatchObject({
      code: 0,
    })
    expect(handled()).toEqual(['1', '2'])
    expect(countsOf('flaky')).toEqual({ ready: 0, inflight: 0 })
  })
})

describe('a bucket', () => {
  async function bucketWith(name: string, count: number): Promise<readonly string[]> {
    const bucket = services.bucket(name)
    const destination = s3Destination({ bucket, client: services.s3 })
    for (let number = 0; number < count; number++) await destination.send(letterOf({ name: `run-${number}` }))
    return ['redrive', '--from', `s3://${bucket}`, '--endpoint', services.proxy.endpoint]
  }

  test('a letter whose object cannot be deleted is handled again, and nothing is lost', async () => {
    const args = await bucketWith('undeletable', 1)
    const [key = ''] = (await services.objects('undeletable')).keys()
    const { path, handled } = handlerModule(log)
    services.proxy.inject(denied, { operation: `DELETE /undeletable/${encodeURI(key)}` })
    const failed = await runHere([...args, '--handler', path])
    expect(failed.stderr).toMatch(
      /Cannot delete an object of the bucket undeletable: .*\[source\.denied\]\n$/,
    )
    expect(failed.code).toBe(4)
    services.proxy.heal()
    expect(await runHere([...args, '--handler', path])).toMatchObject({ code: 0 })
    expect(handled()).toHaveLength(2)
    expect([...(await services.objects('undeletable')).keys()]).toEqual([`redriven/${key}`])
  })

  test('with --delete, objects that were handled are deleted', async () => {
    const args = await bucketWith('deleted', 3)
    const { path, handled } = handlerModule(log)
    expect(await runHere([...args, '--handler', path, '--delete'])).toMatchObject({ code: 0 })
    expect(handled()).toHaveLength(3)
    expect((await services.objects('deleted')).size).toBe(0)
  })
})
