import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type DeadLetter, type Destination, toDestinationObject } from '../../destinations/destination.ts'
import { createDeadLetter, type LetterInput } from '../../processing/dead-letter.ts'
import { toLambdaRecord } from '../../records/lambda-record.ts'
import { StreamRecord } from '../../records/stream-record.ts'
import { aBoolean, aFunction, checkOptions } from '../options/check-options.ts'
import type { ContractCase } from './checkpoint-store.ts'

/** The destination under test, and access to what it has stored. */
export interface DestinationUnderTest {
  /** Creates the destination. All of them must store letters in the same place. */
  readonly create: () => Destination | Promise<Destination>
  /**
   * Returns everything that was stored so far, by all cases: the invocation records as parsed from JSON, each
   * at least once, in any order.
   */
  readonly received: () => Promise<readonly unknown[]>
  /**
   * Creates a destination whose target does not exist, and is not created by the destination itself. Adds the
   * case that checks that it is reported.
   */
  readonly createMissing?: (() => Destination | Promise<Destination>) | undefined
  /**
   * Makes the target fail until the returned function is called. Adds the cases that check what happens then.
   * They must not run concurrently with other cases.
   */
  readonly interrupt?: (() => Promise<() => Promise<void>>) | undefined
}

/** Options of {@link destinationContract}. */
export interface DestinationContractOptions {
  /**
   * Whether a letter that is sent again replaces the earlier one. If not, it is stored again with the same
   * id, so that its readers can recognize it.
   * @default false
   */
  readonly replacesRepeats?: boolean | undefined
}

/**
 * Returns the contract of a destination of dead letters as cases for any test runner. The letters of each
 * case have unique ids, so all cases can run on the same storage.
 *
 * @example
 * const underTest = { create: () => tableDestination(pool), received: () => readLetters(pool) }
 * for (const { title, run } of destinationContract(underTest)) test(title, run)
 * @throws StreamError `options.invalid` for an invalid argument.
 */
export function destinationContract(
  underTest: DestinationUnderTest,
  options: DestinationContractOptions = {},
): readonly ContractCase[] {
  checkOptions('underTest', underTest, {
    create: aFunction,
    received: aFunction,
    createMissing: aFunction,
    interrupt: aFunction,
  })
  aFunction('underTest.create', underTest.create)
  aFunction('underTest.received', underTest.received)
  checkOptions('', options, { replacesRepeats: aBoolean })
  const { createMissing, interrupt } = underTest
  return [
    ...COMMON_CASES,
    options.replacesRepeats ? REPEAT_REPLACES : REPEAT_IS_RECOGNIZABLE,
    ...(createMissing === undefined ? [] : [missingTarget(createMissing)]),
    ...(interrupt === undefined ? [] : interruptions(interrupt)),
  ].map(([title, check]) => ({ title, run: () => check(new Bench(underTest)) }))
}

type Case = readonly [title: string, check: (bench: Bench) => Promise<void>]

const STREAM_ARN = 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'
const SHARD_ID = 'shardId-00000001767225600000-0a1b2c3d'
const CREATED_AT = Date.UTC(2026, 0, 2, 3, 4, 5)

/** What is unusual in a string: characters that services refuse, and characters with a meaning in JSON. */
const HOSTILE = '\ufffe\uffff\u0000\u0008\u001f\u007f\u0085\u2028 "\'\\\r\n\t<&>é😀\u{1fffe}'

/** Creates letters and looks for them in the target. */
class Bench {
  readonly name: string = randomUUID()
  readonly #underTest: DestinationUnderTest
  #sequence = 0

  constructor(underTest: DestinationUnderTest) {
    this.#underTest = underTest
  }

  async create(): Promise<ReturnType<typeof toDestinationObject>> {
    return toDestinationObject(await this.#underTest.create())
  }

  /** @param padding - the value of an attribute of both images. */
  letter(changes: Partial<LetterInput> = {}, padding = ''): DeadLetter {
    const image = { id: { S: this.name }, padding: { S: padding } }
    const raw = {
      eventID: randomUUID().replaceAll('-', ''),
      eventName: 'MODIFY' as const,
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'eu-west-1',
      dynamodb: {
        ApproximateCreationDateTime: new Date(CREATED_AT),
        Keys: { id: { S: this.name } },
        NewImage: { ...image, photo: { B: new Uint8Array([0, 255]) }, total: { N: '9'.repeat(38) } },
        OldImage: image,
        SequenceNumber: String(421_000_000_000_000_000_000n + BigInt(++this.#sequence)),
        SizeBytes: 100,
        StreamViewType: 'NEW_AND_OLD_IMAGES' as const,
      },
    }
    const record = changes.record ?? new StreamRecord(raw, { shardId: SHARD_ID }, CREATED_AT)
    return createDeadLetter({
      record,
      lambdaRecord: () => toLambdaRecord(record, STREAM_ARN),
      condition: 'RetryAttemptsExhausted',
      reason: 'The handler failed 20 times.',
      error: new Error('Out of stock.'),
      isReported: false,
      attempts: 20,
      firstFailedAt: CREATED_AT + 1_000,
      lastFailedAt: CREATED_AT + 360_000,
      name: this.name,
      streamArn: STREAM_ARN,
      ...changes,
    })
  }

  /** Checks that all letters were stored, with exactly their contents. */
  async assertReceived(letters: readonly DeadLetter[]): Promise<void> {
    const received = await this.#underTest.received()
    for (const letter of letters) {
      const stored = received.filter((body) => idOf(body) === letter.id)
      if (stored.length === 0) assert.fail(`The letter ${letter.id} was accepted, but not stored.`)
      for (const body of stored) assertContents(body, letter)
    }
  }

  async countReceived(letter: DeadLetter): Promise<number> {
    return (await this.#underTest.received()).filter((body) => idOf(body) === letter.id).length
  }
}

function idOf(body: unknown): unknown {
  return (body as { requestContext?: { requestId?: unknown } } | null | undefined)?.requestContext?.requestId
}

/** Letters that are too large for the target can be stored without their payload. */
function assertContents(body: unknown, letter: DeadLetter): void {
  const expected = JSON.parse(JSON.stringify(letter.invocationRecord()))
  const { failure, payload } = body as { failure?: { payloadOmitted?: unknown }; payload?: unknown }
  if (payload === undefined && failure?.payloadOmitted === true) {
    delete expected.payload
    expected.failure.payloadOmitted = true
    assert.ok(
      JSON.stringify(letter.invocationRecord()).length > 100_000,
      `The payload of the letter ${letter.id} was left out, although it is small.`,
    )
  }
  // Without assert.deepEqual, which spends minutes on the difference of large strings.
  if (!isDeepStrictEqual(body, expected)) {
    const changed = Object.keys({ ...(body as object), ...expected }).filter(
      (name) => !isDeepStrictEqual(Reflect.get(body as object, name), expected[name]),
    )
    assert.fail(
      `The stored letter ${letter.id} differs from the one that was sent, in: ${changed.join(', ')}.`,
    )
  }
}

const COMMON_CASES: readonly Case[] = [
  [
    'a letter that was accepted is stored, unchanged',
    async (bench) => {
      const destination = await bench.create()
      const letter = bench.letter()
      await destination.send(letter)
      await bench.assertReceived([letter])
    },
  ],
  [
    'a restarted worker adds letters to those of the previous one',
    async (bench) => {
      const letters: DeadLetter[] = []
      for (let run = 0; run < 3; run++) {
        const destination = await bench.create()
        const letter = bench.letter()
        letters.push(letter)
        await destination.send(letter)
        await destination.close?.()
      }
      await bench.assertReceived(letters)
    },
  ],
  [
    'letters of one record that differ only in the task or the condition are all stored',
    async (bench) => {
      const destination = await bench.create()
      const { records } = bench.letter()
      const [record] = records
      assert.ok(record)
      const letters = [
        bench.letter({ record }),
        bench.letter({ record, task: 'mail' }),
        bench.letter({ record, task: 'index' }),
        bench.letter({ record, condition: 'Rejected' }),
      ]
      for (const letter of letters) await destination.send(letter)
      await bench.assertReceived(letters)
    },
  ],
  [
    '100 letters that are sent concurrently are all stored, each complete',
    async (bench) => {
      const destination = await bench.create()
      const letters = Array.from({ length: 100 }, (_, index) => bench.letter({}, 'x'.repeat(100 * index)))
      await Promise.all(letters.map((letter) => destination.send(letter)))
      await bench.assertReceived(letters)
    },
  ],
  [
    'a letter whose strings contain control characters, noncharacters and quotes is stored unchanged',
    async (bench) => {
      const destination = await bench.create()
      const name = `${bench.name}/../${HOSTILE}`
      const letters = [
        bench.letter({ name, reason: HOSTILE, task: HOSTILE }, HOSTILE),
        bench.letter({ error: Object.assign(new Error(HOSTILE), { name: HOSTILE, code: HOSTILE }) }),
        // A lone surrogate has no encoding in UTF-8.
        bench.letter({ reason: 'lone \ud800', error: '\udfff' }),
      ]
      for (const letter of letters) await destination.send(letter)
      await bench.assertReceived(letters)
    },
  ],
  [
    'letters with images of 2 × 350 kB and 2 × 400 kB, which may exceed the size of a message, are accepted',
    async (bench) => {
      const destination = await bench.create()
      // Each quote takes four bytes in the payload, so the second letter has more than 3 MB.
      const letters = [bench.letter({}, 'x'.repeat(350_000)), bench.letter({}, '"'.repeat(400_000))]
      for (const letter of letters) await destination.send(letter)
      await bench.assertReceived(letters)
    },
  ],
  [
    'check() resolves if the target exists, and stores nothing',
    async (bench) => {
      const destination = await bench.create()
      await destination.check?.()
      const letter = bench.letter()
      assert.equal(await bench.countReceived(letter), 0)
      await destination.send(letter)
      await destination.check?.()
      await bench.assertReceived([letter])
    },
  ],
  [
    'close() can be called several times, before and after letters are sent, and loses no accepted letter',
    async (bench) => {
      const unused = await bench.create()
      await Promise.all([unused.close?.(), unused.close?.()])
      const destination = await bench.create()
      const first = bench.letter()
      await destination.send(first)
      const letters = Array.from({ length: 10 }, () => bench.letter())
      const sends = Promise.allSettled(letters.map((letter) => destination.send(letter)))
      await Promise.all([destination.close?.(), destination.close?.()])
      const results = await sends
      await destination.close?.()
      await bench.assertReceived([
        first,
        ...letters.filter((_, index) => results[index]?.status === 'fulfilled'),
      ])
    },
  ],
]

const REPEAT_REPLACES: Case = [
  'a letter that is sent again replaces the earlier one, even if it failed again with another error',
  async (bench) => {
    const letter = bench.letter()
    const [record] = letter.records
    assert.ok(record)
    const repeat = bench.letter({
      record,
      error: new Error('Other.'),
      attempts: 21,
      lastFailedAt: CREATED_AT,
    })
    const destination = await bench.create()
    await destination.send(letter)
    await destination.send(letter)
    assert.equal(await bench.countReceived(letter), 1)
    await (await bench.create()).send(repeat)
    assert.equal(await bench.countReceived(letter), 1)
    await bench.assertReceived([repeat])
  },
]

const REPEAT_IS_RECOGNIZABLE: Case = [
  'a letter that is sent again is accepted, and is stored with the same id',
  async (bench) => {
    const destination = await bench.create()
    const letter = bench.letter()
    await destination.send(letter)
    await destination.send(letter)
    await bench.assertReceived([letter])
  },
]

function missingTarget(create: () => Destination | Promise<Destination>): Case {
  return [
    'if the target does not exist, check() and send() reject',
    async (bench) => {
      const destination = toDestinationObject(await create())
      await assert.rejects(async () => destination.send(bench.letter()), Error)
      if (destination.check !== undefined) await assert.rejects(async () => destination.check?.(), Error)
      await destination.close?.()
    },
  ]
}

function interruptions(interrupt: () => Promise<() => Promise<void>>): readonly Case[] {
  return [
    [
      'while the target fails, send() and check() reject, and afterwards they work again',
      async (bench) => {
        const destination = await bench.create()
        const letters = [bench.letter(), bench.letter(), bench.letter()] as const
        await destination.send(letters[0])
        const restore = await interrupt()
        try {
          await assert.rejects(async () => destination.send(letters[1]), Error)
          await assert.rejects(async () => destination.send(letters[2]), Error)
          if (destination.check !== undefined) await assert.rejects(async () => destination.check?.(), Error)
        } finally {
          await restore()
        }
        await destination.check?.()
        for (const letter of letters.slice(1)) await destination.send(letter)
        await bench.assertReceived(letters)
      },
    ],
    [
      'of letters that are sent while the target fails and recovers, each one that was accepted is stored',
      async (bench) => {
        const destination = await bench.create()
        const letters = Array.from({ length: 30 }, () => bench.letter())
        const sends: Promise<void>[] = []
        const sendTen = () => {
          for (const letter of letters.slice(sends.length, sends.length + 10)) {
            const send = Promise.resolve().then(() => destination.send(letter))
            // It may reject before the others have been sent.
            send.catch(() => {})
            sends.push(send)
          }
        }
        sendTen()
        const restore = await interrupt()
        try {
          sendTen()
        } finally {
          await restore()
        }
        sendTen()
        const results = await Promise.allSettled(sends)
        await bench.assertReceived(letters.filter((_, index) => results[index]?.status === 'fulfilled'))
        await Promise.all(letters.map((letter) => destination.send(letter)))
        await bench.assertReceived(letters)
      },
    ],
  ]
}
