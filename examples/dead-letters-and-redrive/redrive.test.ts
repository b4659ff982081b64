import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SQSClient } from '@aws-sdk/client-sqs'
import { openStream, type StreamRecord } from 'dynamodb-stream-iterator'
import { sqsDestination } from 'dynamodb-stream-iterator/destinations/sqs'
import { ManualClock, StreamEmulator } from 'dynamodb-stream-iterator/testing'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyProduct, openProducts, type Product, productNames } from './apply-product.ts'
import { copyProducts } from './worker.ts'

let sqs: FauxqsServer
beforeAll(async () => {
  sqs = await startFauxqs({ port: 0, logger: false })
})
afterAll(() => sqs.stop())

const products = join(mkdtempSync(join(tmpdir(), 'products-')), 'products.db')

/** Runs `dynamodb-stream-iterator redrive` in another process. */
async function redrive(...options: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const args = ['--import', import.meta.resolve('tsx'), cli, 'redrive', '--wait', '1', ...options]
  const env = { ...process.env, PRODUCTS: products, AWS_ENDPOINT_URL_SQS: sqs.address }
  return promisify(execFile)(process.execPath, args, { env })
}

test('products that a bug has excluded are copied by a redrive, and newer versions stay', async () => {
  const clock = new ManualClock()
  const emulator = new StreamEmulator({ clock })
  emulator.put({ id: 'p1', name: '' }) // causes an error, because of a bug
  emulator.put({ id: 'p1', name: 'Pen' })
  emulator.put({ id: 'p2', name: '' })
  emulator.put({ id: 'p3', name: '' })
  emulator.remove({ id: 'p3' })
  emulator.disable()

  const { queueUrl } = sqs.createQueue('failed-products')
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = new SQSClient({ endpoint: sqs.address, region: 'us-east-1', credentials })
  const stream = await openStream<Product>({
    client: emulator.client(),
    streamArn: emulator.streamArn,
    startAt: 'trim_horizon',
    clock,
  })
  const db = openProducts(products)
  const withBug = (record: StreamRecord<Product>) => {
    if (record.newImage?.name === '') throw new RangeError('The name is empty.')
    applyProduct(db, record)
  }
  const summary = await clock.run(copyProducts(stream, withBug, sqsDestination({ queueUrl, client })))
  expect(summary).toMatchObject({ handled: 2, deadLettered: { exhausted: 3 } })
  expect(productNames(db)).toEqual(['Pen'])
  db.close()
  client.destroy()

  const { stdout } = await redrive('--from', queueUrl, '--dry-run')
  expect(stdout.trim().split('\n')).toHaveLength(3)
  const handler = fileURLToPath(new URL('handler.ts', import.meta.url))
  const { stderr } = await redrive('--from', queueUrl, '--handler', handler)
  expect(stderr).toContain('handled 3 of 3 letters (3 records)')

  const after = openProducts(products)
  // The first version of the pen is older than the copy, and p3 has been removed.
  expect(productNames(after)).toEqual(['Pen', ''])
  after.close()
})
