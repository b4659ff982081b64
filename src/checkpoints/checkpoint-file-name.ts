import { createHash } from 'node:crypto'

/** What may stand in a file name as it is. No capitals: on Windows and macOS `A` and `a` are the same file. */
const PLAIN = /[a-z0-9_.-]/

/** Windows takes a file of such a name for a device, also with an extension: what is saved to `nul.json` is lost. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/

/** File systems allow 255 bytes; the names of temporary files are longer by 22. */
const MAX_ENCODED_LENGTH = 200
const KEPT_LENGTH = 100

/**
 * The file that holds the checkpoint `name`: `<encoded name>.json`. Different well-formed names give different files on every
 * file system, and no name leads out of the folder: what is not plain becomes `%` and its UTF-8 bytes in hex.
 */
export function checkpointFileName(name: string): string {
  const isDevice = DEVICE.test(name)
  const encoded = [...Buffer.from(name, 'utf8')]
    .map((byte, index) => encodeByte(byte, index === 0, isDevice))
    .join('')
  if (encoded.length <= MAX_ENCODED_LENGTH) return `${encoded}.json`
  // `~` is never plain, so that no short name is written like that.
  return `${encoded.slice(0, KEPT_LENGTH)}~${createHash('sha256').update(name).digest('hex')}.json`
}

function encodeByte(byte: number, isFirst: boolean, isDevice: boolean): string {
  const character = String.fromCharCode(byte)
  const isPlain = PLAIN.test(character) && !(isFirst && (isDevice || character === '.'))
  return isPlain ? character : `%${byte.toString(16).padStart(2, '0')}`
}
