import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../src/core/clock.ts'
import type { DestinationObject } from '../../../src/destinations/destination.ts'
import { s3Destination } from '../../../src/destinations/s3.ts'
import { snsDestination } from '../../../src/destinations/sns.ts'
import { sqsDestination } from '../../../src/destinations/sqs.ts'
import type { Services } from './services.ts'

/** A destination, and what it has stored. */
export interface Subject {
  readonly destination: Required<DestinationObject>
  /** The bodies that were stored since the last call, in the order of arrival. */
  stored(): Promise<readonly string[]>
}

/** A kind of destination, for tests that all of them must pass. */
export interface SubjectKind {
  readonly title: string
  /** Whether a letter that is sent again is stored once. */
  readonly isIdempotent: boolean
  create(services: Services, clock?: Clock): Subject
}

export const subjectKinds: readonly SubjectKind[] = [
  {
    title: 'sqsDestination with a standard queue',
    isIdempotent: false,
    create: (services, clock) => toQueue(services, `q-${randomUUID()}`, clock),
  },
  {
    title: 'sqsDestination with a FIFO queue',
    isIdempotent: true,
    create: (services, clock) => toQueue(services, `q-${randomUUID()}.fifo`, clock),
  },
  {
    title: 'snsDestination with a standard topic',
    isIdempotent: false,
    create: (services, clock) => toTopic(services, `t-${randomUUID()}`, clock),
  },
  {
    title: 'snsDestination with a FIFO topic',
    isIdempotent: true,
    create: (services, clock) => toTopic(services, `t-${randomUUID()}.fifo`, clock),
  },
  { title: 's3Destination', isIdempotent: true, create: toBucket },
]

function toQueue(services: Services, name: string, clock: Clock | undefined): Subject {
  const queueUrl = services.queue(name)
  return {
    destination: sqsDestination({ queueUrl, client: services.sqs, clock }),
    stored: async () => (await services.receive(queueUrl)).map(({ body }) => body),
  }
}

function toTopic(services: Services, name: string, clock: Clock | undefined): Subject {
  const { topicArn, queueUrl } = services.topic(name)
  return {
    destination: snsDestination({ topicArn, client: services.sns, clock }),
    stored: async () => (await services.receive(queueUrl)).map(({ body }) => body),
  }
}

function toBucket(services: Services, clock?: Clock): Subject {
  const bucket = services.bucket(`b-${randomUUID()}`)
  return {
    destination: s3Destination({ bucket, client: services.s3, clock }),
    async stored() {
      const bodies = [...(await services.objects(bucket)).values()].map(({ body }) => body)
      services.server.emptyBucket(bucket)
      return bodies
    },
  }
}
