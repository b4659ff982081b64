import { CHUNK_BYTES, MAX_INLINE_BYTES, packToken } from '../../src/checkpoints/dynamodb-item.ts'

/** More than the other attributes of a checkpoint's head, with their names. */
const HEAD_BYTES = 400

const unitsOf = (bytes: number) => Math.ceil(bytes / 1024)

/**
 * Returns the size of a token as the DynamoDB store saves it, and the write units of a save. A token in
 * chunks also costs the deletion of the chunks that it replaces.
 */
export async function writeUnits(json: string): Promise<{ packedBytes: number; units: number }> {
  const { length: packedBytes } = await packToken(json)
  if (packedBytes <= MAX_INLINE_BYTES) return { packedBytes, units: unitsOf(packedBytes + HEAD_BYTES) }
  let units = unitsOf(HEAD_BYTES)
  for (let left = packedBytes; left > 0; left -= CHUNK_BYTES) {
    units += 2 * unitsOf(Math.min(left, CHUNK_BYTES) + HEAD_BYTES)
  }
  return { packedBytes, units }
}
