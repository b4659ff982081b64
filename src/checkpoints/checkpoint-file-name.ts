import { createHash } from 'node:crypto'

/**
 * Characters that are not encoded. Capitals are not among them, since `A` and `a` are the same file on
 * Windows and macOS.
 */
const PLAIN = /[a-z0-9_.-]/

/** Windows treats these names as devices, even with an extension: data written to `nul.json` is lost. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/

/** File systems allow 255 bytes; temporary files add 22 bytes to the name. */
const MAX_ENCODED_LENGTH = 200
const KEPT_LENGTH = 100

/**
 * Returns the name of the file that stores the checkpoint `name`: `<encoded name>.json`.
 */
export function checkpointFileName(name: string): string {
  return `${encodeFileName(name)}.json`
}

/**
 * Returns a file name for a string. Every byte of the UTF-8 string that is not plain is encoded as `%` and
 * two hex digits. Different well-formed strings therefore have different files on every file system, and no
 * string leads out of the folder.
 */
export function encodeFileName(name: string): string {
  const isDevice = DEVICE.test(name)
  const encoded = [...Buffer.from(name, 'utf8')]
    .map((byte, index) => encodeByte(byte, index === 0, isDevice))
    .join('')
  if (encoded.length <= MAX_ENCODED_LENGTH) return encoded
  // `~` is never plain, so no short name can be encoded to the same file name.
  return `${encoded.slice(0, KEPT_LENGTH)}~${createHash('sha256').update(name).digest('hex')}`
}

function encodeByte(byte: number, isFirst: boolean, isDevice: boolean): string {
  const character = String.fromCharCode(byte)
  const isPlain = PLAIN.test(character) && !(isFirst && (isDevice || character === '.'))
  return isPlain ? character : `%${byte.toString(16).padStart(2, '0')}`
}
