import type { StreamToken } from '../../../src/index.ts'
import { hashItemKey } from '../../../src/records/item-key.ts'
import { StreamRecord } from '../../../src/records/stream-record.ts'
import type { EmulatedRecord } from '../../../src/testing/index.ts'
import { ancestorsOf } from '../origin.ts'
import type { World } from '../world.ts'

/** What a token says about the attempts of a record. */
export interface StoredProgress {
  readonly attempts: number
  readonly since: number
  readonly isRunning: boolean
  readonly done: readonly string[]
}

/** What a token means for each record, by its documentation. */
export interface TokenMeaning {
  /** Whether a run that loads the token skips the record. */
  isCovered(record: EmulatedRecord): boolean
  /** The attempts that a run that loads the token continues to count; undefined without any. */
  progressOf(record: EmulatedRecord): StoredProgress | undefined
}

/** The meaning of a missing token. */
export const nothingCovered: TokenMeaning = { isCovered: () => false, progressOf: () => undefined }

export function meaningOf(world: World, { streamArn, shards }: StreamToken): TokenMeaning {
  const entries = new Map(shards.map((entry) => [entry.shardId, entry]))
  const started = shards.filter(({ state }) => state !== 'pending')
  const finished = new Set(
    started.flatMap(({ shardId }) => ancestorsOf(world, shardId).map((shard) => shard.shardId)),
  )
  if (streamArn !== world.emulator.streamArn) throw new RangeError(`A token of another stream: ${streamArn}`)

  return {
    isCovered: (record) => {
      const entry = entries.get(record.shardId)
      if (entry === undefined) return finished.has(record.shardId)
      const { at, through, unsettled = [] } = entry
      const number = BigInt(record.sequenceNumber)
      if (typeof at === 'object' && 'end' in at) return true
      if (typeof at === 'object' && 'after' in at && number <= BigInt(at.after)) return true
      if (through === undefined || number > BigInt(through)) return false
      return !unsettled.some(({ from, key }) =>
        key === undefined
          ? from === record.sequenceNumber
          : key === keyHashOf(record) && BigInt(from) <= number,
      )
    },
    progressOf: (record) => {
      const { unsettled = [] } = entries.get(record.shardId) ?? {}
      const isOfRecord = ({ from, key }: (typeof unsettled)[number]) =>
        from === record.sequenceNumber && (key === undefined || key === keyHashOf(record))
      const entry = unsettled.find(isOfRecord)
      if (!entry) return undefined
      const { attempts, since, running = false, done = [] } = entry
      return { attempts, since, isRunning: running, done }
    },
  }
}

const hashes = new Map<string, string>()

function keyHashOf({ keyText, raw, shardId }: EmulatedRecord): string {
  const hash = hashes.get(keyText) ?? hashItemKey(new StreamRecord(raw, { shardId }, 0).itemKey)
  hashes.set(keyText, hash)
  return hash
}
