import { afterAll, beforeAll, describe, test } from 'vitest'
import type { DestinationObject } from '../../../src/destinations/destination.ts'
import { s3Destination } from '../../../src/destinations/s3.ts'
import { snsDestination } from '../../../src/destinations/sns.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import { destinationContract } from '../../../src/testing/contracts/destination.ts'
import { type Services, startServices } from './services.ts'

let services: Services
beforeAll(async () => {
  // As users run it: the SDK replaces connections that broke while they were idle.
  services = await startServices(3)
})
afterAll(() => services[Symbol.asyncDispose]())

/** Where a kind of destination sends its letters in these tests. */
interface Target {
  readonly create: () => DestinationObject
  /** Returns the bodies that have arrived since the last call. */
  readonly arrived: () => Promise<readonly string[]>
}

interface Kind {
  readonly title: string
  readonly replacesRepeats: boolean
  readonly createTarget: () => Target
  readonly createMissing: () => DestinationObject
}

const kinds: readonly Kind[] = [
  ...['contract', 'contract.fifo'].map(
    (name): Kind => ({
      title: `sqsDestination with the queue ${name}`,
      replacesRepeats: false,
      createTarget() {
        const queueUrl = services.queue(name)
        return {
          create: () => sqsDestination({ queueUrl, client: services.sqs }),
          arrived: () => bodiesIn(queueUrl),
        }
      },
      createMissing: () => sqsDestination({ queueUrl: 'http://localhost/q/missing', client: services.sqs }),
    }),
  ),
  ...['contract', 'contract.fifo'].map(
    (name): Kind => ({
      title: `snsDestination with the topic ${name}`,
      replacesRepeats: false,
      createTarget() {
        const { topicArn, queueUrl } = services.topic(name)
        return {
          create: () => snsDestination({ topicArn, client: services.sns }),
          arrived: () => bodiesIn(queueUrl),
        }
      },
      createMissing: () =>
        snsDestination({ topicArn: 'arn:aws:sns:us-east-1:000000000000:missing', client: services.sns }),
    }),
  ),
  {
    title: 's3Destination',
    replacesRepeats: true,
    createTarget() {
      const bucket = services.bucket('contract')
      return {
        create: () => s3Destination({ bucket, client: services.s3 }),
        arrived: async () => [...(await services.objects(bucket)).values()].map(({ body }) => body),
      }
    },
    createMissing: () => s3Destination({ bucket: 'missing', client: services.s3 }),
  },
]

async function bodiesIn(queueUrl: string): Promise<readonly string[]> {
  return (await services.receive(queueUrl)).map(({ body }) => body)
}

describe.each(kinds)('$title', ({ replacesRepeats, createTarget, createMissing }) => {
  let target: Target
  beforeAll(() => {
    target = createTarget()
  })

  /** Messages can be received once; objects can be read again. */
  const received: string[] = []
  const underTest = {
    create: () => target.create(),
    async received() {
      const bodies = await target.arrived()
      if (!replacesRepeats) received.push(...bodies)
      return (replacesRepeats ? bodies : received).map((body) => JSON.parse(body))
    },
    createMissing,
    async interrupt() {
      await services.proxy.goDown()
      return () => services.proxy.comeUp()
    },
  }
  for (const { title, run } of destinationContract(underTest, { replacesRepeats })) test(title, run)
})
