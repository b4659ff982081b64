import type { CoordinatorOptions } from '../../src/index.ts'
import { Coordinator } from '../../src/index.ts'
import { ManualClock, StreamEmulator, type StreamEmulatorOptions } from '../../src/testing/index.ts'
import { drain } from './read.ts'

/** An emulated stream whose shards are named by the letters of a picture. */
export interface ShardPicture {
  readonly clock: ManualClock
  readonly emulator: StreamEmulator
  /** Returns the id of the shard with this letter. */
  id(letter: string): string
  /** Splits or rolls further shards: `'c > d e'`. */
  grow(picture: string): void
  /** Writes records to open shards and returns their names: `write('b c b')` returns `['b1', 'c1', 'b2']`. */
  write(letters: string): string[]
  /** Creates a reader of the stream. */
  open(options?: Partial<CoordinatorOptions>): Coordinator
  /** Moves a reader to a position, advancing the clock for as long as that takes. */
  move(reader: Coordinator, position: Parameters<Coordinator['moveTo']>[0]): Promise<void>
  /** Reads until nothing is new and returns the names of the records. */
  drain(reader: Coordinator): Promise<string[]>
  /** Does the same once a minute for ten minutes. */
  drainForLong(reader: Coordinator): Promise<string[]>
  /** The shards in the token of a reader, as in `['a:end', 'b:start', 'c:after']`. */
  frontier(reader: Coordinator): string[]
}

/**
 * Creates a stream from a picture: `'a > b c, c > d'` is a root a that was split into b and c, and c rolled
 * into d; `'a b'` is two roots. Shards with children are closed.
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
        const created = emulator.split(id(parent), children.length)
        for (const [index, child] of children.entries()) name(child, created[index]?.shardId as string)
      }
    }
  }
  grow(picture)

  let written = 0
  const nameOf = ({ shardId, sequenceNumber }: { shardId: string; sequenceNumber: string }): string => {
    const index = emulator
      .shard(shardId)
      .records.findIndex((record) => record.sequenceNumber === sequenceNumber)
    return `${names.get(shardId) ?? shardId}${index + 1}`
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
      const delivered: string[] = []
      for (let minute = 0; minute < 10; minute++) {
        delivered.push(...(await drainNames(reader)))
        await clock.advance(60_000)
      }
      return delivered
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
