import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { sqsDestination } from 'dynamodb-stream-iterator/destinations/sqs'
import { emulateEventSourceMapping, ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { build } from 'esbuild'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createOrdersHandler } from './orders-handler.ts'

let sqs: FauxqsServer
let client: SQSClient

beforeAll(async () => {
  sqs = await startFauxqs({ port: 0, logger: false })
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  client = new SQSClient({ endpoint: sqs.address, region: 'us-east-1', credentials })
})

afterAll(async () => {
  client.destroy()
  await sqs.stop()
})

it('the function invoices all orders, also after a failure, and sends one without a total to the queue', async () => {
  const { queueUrl } = sqs.createQueue('rejected-orders')
  const invoices = new Map<string, number>()
  let calls = 0
  const handler = createOrdersHandler({
    invoice: async (id, total) => {
      if (++calls === 1) throw new Error('The service is down.')
      invoices.set(id, total)
    },
    rejected: sqsDestination({ queueUrl, client }),
  })
  const emulator = new StreamEmulator({ clock: new ManualClock() })
  emulator.put({ id: 'o1', total: 12.5 })
  emulator.put({ id: 'o2' })
  emulator.put({ id: 'o2', total: 7 })
  emulator.remove({ id: 'o1' })
  emulator.disable()
  const mapping = emulateEventSourceMapping({
    emulator,
    handler,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  })
  await mapping.drain()
  await mapping.close()
  expect(mapping.invocations.map(({ outcome }) => outcome)).toEqual(['succeeded'])
  expect(Object.fromEntries(invoices)).toEqual({ o1: 12.5, o2: 7 })
  const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl: queueUrl }))
  expect(Messages.map(({ Body }) => JSON.parse(Body ?? ''))).toMatchObject([
    { requestContext: { condition: 'Rejected' }, failure: { reason: 'The order has no total.' } },
  ])
})

it('the function of the template is loaded with the settings of its environment', async () => {
  vi.stubEnv('REJECTED_QUEUE_URL', 'https://sqs.eu-west-1.amazonaws.com/123456789012/rejected')
  try {
    const { handler } = await import('./handler.ts')
    expect(await handler({ Records: [] })).toEqual({ batchItemFailures: [] })
  } finally {
    vi.unstubAllEnvs()
  }
})

it('the template has the settings that the function needs', async () => {
  const template = await readFile(new URL('template.yaml', import.meta.url), 'utf8')
  expect(template).toContain('FunctionResponseTypes: [ReportBatchItemFailures]')
  for (const variable of ['REJECTED_QUEUE_URL', 'CHECK_MAPPING']) expect(template).toContain(variable)
})

it('lambdaHandler has less than 60 kB in a bundle, minified and without the SDK', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lambda-bundle-'))
  try {
    const outfile = join(folder, 'function.mjs')
    const entry = fileURLToPath(new URL('../../src/lambda/index.ts', import.meta.url))
    await build({
      stdin: {
        contents: `export { lambdaHandler } from ${JSON.stringify(entry)}`,
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      },
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      external: ['@aws-sdk/*'],
      outfile,
    })
    expect((await readFile(outfile)).length).toBeLessThan(60_000)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
