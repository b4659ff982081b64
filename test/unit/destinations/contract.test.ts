import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DeadLetter } from '../../../src/destinations/destination.ts'
import { fileDestination } from '../../../src/destinations/file.ts'
import { memoryDestination } from '../../../src/destinations/memory.ts'
import { letterBody } from '../../../src/destinations/serialize-letter.ts'
import { type DestinationUnderTest, destinationContract } from '../../../src/testing/contracts/destination.ts'

const bodyOf = (letter: DeadLetter) => JSON.parse(letterBody(letter, 's3'))

describe('memoryDestination', () => {
  const destination = memoryDestination()
  const underTest = {
    create: () => destination,
    received: async () => destination.letters.map(bodyOf),
  }
  for (const { title, run } of destinationContract(underTest, { replacesRepeats: true })) test(title, run)
})

describe('fileDestination', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dead-letters-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const pathOf = () => join(folder, 'letters', 'dead.jsonl')
  const underTest: DestinationUnderTest = {
    create: () => fileDestination(pathOf()),
    received: async () => {
      const content = await readFile(pathOf(), 'utf8').catch(() => '')
      return content
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    },
    createMissing: async () => {
      await writeFile(join(folder, 'file'), '')
      return fileDestination(join(folder, 'file', 'dead.jsonl'))
    },
    // A folder in the place of the file.
    interrupt: async () => {
      const saved = join(folder, 'saved.jsonl')
      const isSaved = await rename(pathOf(), saved).then(
        () => true,
        () => false,
      )
      await rm(pathOf(), { force: true })
      await mkdir(pathOf(), { recursive: true })
      return async () => {
        await rm(pathOf(), { recursive: true })
        if (isSaved) await rename(saved, pathOf())
      }
    },
  }
  for (const { title, run } of destinationContract(underTest)) test(title, run)
})

describe('destinationContract', () => {
  /** A correct destination in memory, as a function, with steps that a broken one can replace. */
  function faulty(
    change: (letter: DeadLetter, bodies: unknown[]) => void | Promise<void>,
  ): DestinationUnderTest {
    const bodies: unknown[] = []
    return { create: () => async (letter) => change(letter, bodies), received: async () => bodies }
  }

  test('the contract accepts a correct destination that is only a function', async () => {
    const underTest = faulty((letter, bodies) => void bodies.push(bodyOf(letter)))
    for (const { run } of destinationContract(underTest)) await run()
  })

  const brokenDestinations: [title: string, underTest: DestinationUnderTest, replacesRepeats?: boolean][] = [
    ['drops letters', faulty(() => {})],
    [
      'accepts a letter before it is stored',
      faulty(
        (letter, bodies) =>
          void queueMicrotask(() =>
            queueMicrotask(() =>
              queueMicrotask(() => queueMicrotask(() => setImmediate(() => bodies.push(bodyOf(letter))))),
            ),
          ),
      ),
    ],
    [
      'stores a letter without its payload',
      faulty((letter, bodies) => {
        const { payload: _, failure, ...body } = bodyOf(letter)
        bodies.push({ ...body, failure: { ...failure, payloadOmitted: true } })
      }),
    ],
    [
      'replaces characters',
      faulty((letter, bodies) => {
        bodies.push(JSON.parse(letterBody(letter, 's3').replaceAll('\ufffe', '?')))
      }),
    ],
    [
      'rejects large letters',
      faulty((letter, bodies) => {
        if (letterBody(letter, 's3').length > 1_000_000) throw new Error('Too large.')
        bodies.push(bodyOf(letter))
      }),
    ],
    [
      'refuses a letter that it has stored',
      faulty((letter, bodies) => {
        const body = bodyOf(letter)
        const isStored = bodies.some((other) => (other as typeof body).requestContext.requestId === letter.id)
        if (isStored) throw new Error('Duplicate.')
        bodies.push(body)
      }),
    ],
    [
      'keeps one letter per record',
      faulty((letter, bodies) => {
        const body = bodyOf(letter)
        const index = bodies.findIndex((other) => (other as typeof body).payload === body.payload)
        bodies[index < 0 ? bodies.length : index] = body
      }),
    ],
    [
      'stores repeats although it should replace them',
      faulty((letter, bodies) => void bodies.push(bodyOf(letter))),
      true,
    ],
    [
      'loses concurrent letters',
      faulty(async (letter, bodies) => {
        const before = [...bodies]
        await Promise.resolve()
        bodies.splice(0, Number.POSITIVE_INFINITY, ...before, bodyOf(letter))
      }),
    ],
    [
      'reports no missing target',
      {
        ...faulty((letter, bodies) => void bodies.push(bodyOf(letter))),
        createMissing: () => async () => {},
      },
    ],
    [
      'accepts letters while its target fails',
      {
        ...faulty((letter, bodies) => void bodies.push(bodyOf(letter))),
        interrupt: async () => async () => {},
      },
    ],
  ]

  test.each(brokenDestinations)(
    'the contract fails for a destination that %s',
    async (_, underTest, replacesRepeats = false) => {
      let failures = 0
      for (const { run } of destinationContract(underTest, { replacesRepeats }))
        await run().catch(() => failures++)
      expect(failures).toBeGreaterThan(0)
    },
  )

  test.each<[title: string, call: () => unknown, option: string]>([
    ['without create', () => destinationContract({ received: async () => [] } as never), 'underTest.create'],
    [
      'without received',
      () => destinationContract({ create: memoryDestination } as never),
      'underTest.received',
    ],
    [
      'with an unknown option',
      () =>
        destinationContract({ create: memoryDestination, received: async () => [] }, {
          replaces: true,
        } as never),
      'replaces',
    ],
  ])('destinationContract() %s is refused', (_, call, option) => {
    expect(call).toThrow(
      expect.objectContaining({ code: 'options.invalid', details: expect.objectContaining({ option }) }),
    )
  })
})
