import type { CoordinatorOptions } from '../../src/index.ts'
import { Coordinator } from '../../src/index.ts'
import { ManualClock, StreamEmulator, type StreamEmulatorOptions } from '../../src/testing/index.ts'
import { drain } from './read.ts'

/** A stream whose shards are named by the letters of a picture. */
export interface ShardPicture {
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  /** The id of a shard by its letter. */
  id(letter: string): string
  /** Divides shards further: `'c > d e'`. */
  grow(picture: string): void
  /** Writes records to open shards, by their letters, and returns their names: `write('b c b')` gives `['b1', 'c1', 'b2']`. */
  write(letters: string): string[]
  /** A reader of the stream. */
  open(options?: Partial<CoordinatorOptions>): Coordinator
  /** Moves a reader, letting as much time pass as that takes. */
  move(reader: Coordinator, position: Parameters<Coordinator['moveTo']>[0]): Promise<void>
  /** Reads until there is nothing new, and returns the names of the records. */
  drain(reader: Coordinator): Promise<string[]>
  /** The same again and again for ten minutes. */
  drainForLong(reader: Coordinator): Promise<string[]>
  /** The shards of a token: `a:end`, `b:start`, `c:after`. */
  frontier(reader: Coordinator): string[]
}

/**
 * Draws a stream: `'a > b c, c > d'` is a root a, divided into b and c, and c rolled over into d; `'a b'` is two roots.
 * Closed shards are those with children.
 */
export function shardPicture(picture: string, options: StreamEmulatorOptions = {}): ShardPicture {
  const clock = options.clock instanceof ManualClock ? options.clock : new ManualClock()
  const [roots = ''] = picture.split(/[>,]/)
  const letters = words(roots)
  const emulator = new StreamEmulator({ seed: 7, shards: letters.length, ...options, clock })
  const ids = new Map<string, string>()
  const names = new Map<string, string>()
  const name = (letter: string, shardId: string) => {
    ids.set(letter, shardId)
    names.set(shardId, letter)
  }
  letters.forEach((letter, index) => {
    name(letter, emulator.openShards[index]?.shardId as string)
  })

  const id = (letter: string): string => {
    const shardId = ids.get(letter)
    if (shardId === undefined) throw new RangeError(`The picture has no shard ${letter}`)
    return shardId
  }

  const grow = (more: string): void => {
    for (const chain of more.split(',')) {
      const generations = chain.split('>').map(words)
      for (const [index, children] of generations.entries()) {
        const parent = generations[index - 1]?.at(-1)
        if (parent === undefined) continue
        const made = emulator.split(id(parent), children.length)
        for (const [place, child] of children.entries()) name(child, made[place]?.shardId as string)
      }
    }
  }
  grow(picture)

  let written = 0
  const nameOf = ({ shardId, sequenceNumber }: { shardId: string; sequenceNumber: string }): string => {
    const place = emulator
      .shard(shardId)
      .records.findIndex((record) => record.sequenceNumber === sequenceNumber)
    return `${names.get(shardId) ?? shardId}${place + 1}`
  }

  const drainNames = async (reader: Coordinator): Promise<string[]> =>
    (await drain(reader, clock)).map(nameOf)

  return {
    clock,
    emulator,
    id,
    grow,
    write: (where) =>
      words(where).map((letter) => {
        const record = emulator.put({ id: emulator.keyForShard(id(letter)), n: written++ })
        return record ? nameOf(record) : ''
      }),
    open: (more) =>
      new Coordinator({
        client: emulator.api,
        streamArn: emulator.streamArn,
        clock,
        random: () => 0.5,
        ...more,
      }),
    move: (reader, position) => clock.run(reader.moveTo(position)),
    drain: drainNames,
    drainForLong: async (reader) => {
      const given: string[] = []
      for (let minute = 0; minute < 10; minute++) {
        given.push(...(await drainNames(reader)))
        await clock.advance(60_000)
      }
      return given
    },
    frontier: (reader) =>
      reader.token.shards.map(
        ({ shardId, at }) => `${names.get(shardId)}:${typeof at === 'string' ? at : Object.keys(at)[0]}`,
      ),
  }
}

function words(text: string): string[] {
  return text.trim().split(/\s+/)
}
