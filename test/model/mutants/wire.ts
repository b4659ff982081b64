import { inFile, type Mutant } from './mutant.ts'

export const wireMutants: readonly Mutant[] = [
  ...inFile('src/wire/parse-page.ts', [
    {
      name: 'a next iterator that is not a string is accepted',
      from: 'if (!rest || !isIterator(rest.NextShardIterator)) return undefined',
      to: 'if (!rest) return undefined',
    },
  ]),
  ...inFile('src/wire/scan-page.ts', [
    {
      name: 'an escaped quote ends a string',
      from: 'if (byte === backslash) index++ // an escaped',
      to: '// an escaped',
    },
    {
      name: 'an escaped quote in a nested value ends a string',
      from: '        if (inside === backslash) index++\n',
      to: '',
    },
    {
      name: 'members of the first dynamodb object remain when a second one follows',
      from: 'number {\n  clearChange()\n  return',
      to: 'number {\n  return',
    },
    {
      name: 'a record that lacks a field has that of the previous record',
      from: '  clearChange()\n  const to = scanObject',
      to: '  const to = scanObject',
    },
    {
      name: 'the second of two arrays of records is used',
      from: 'if (current.from !== 0 || body[bracket] !== openBracket) return UNUSUAL',
      to: 'if (body[bracket] !== openBracket) return UNUSUAL',
    },
    {
      name: 'a time with the same length as the previous one is treated as equal',
      from: 'for (let index = from; index < to; index++) if (body[index] !== body[index - back]) return false',
      to: '',
    },
    {
      name: 'a name with an escape sequence is compared without unescaping it',
      from: '    if (byte === backslash) return UNUSUAL\n',
      to: '',
    },
  ]),
  ...inFile('src/wire/lazy-records.ts', [
    {
      name: 'images are sliced by byte offsets even with multi-byte characters',
      from: 'if (json.length === to - from) {',
      to: 'if (json.length > 0) {',
    },
    {
      name: 'released memory is not reported',
      from: 'first = before\n      return released',
      to: 'first = before\n      return 0',
    },
    {
      name: 'a small page keeps the buffer of its socket in memory',
      from: 'return bytes.buffer.byteLength > 2 * bytes.byteLength ? Buffer.from(bytes) : bytes',
      to: 'return bytes',
    },
    {
      name: 'a large page stays in memory until its last record is delivered',
      from: 'bytes = Buffer.from(bytes.subarray(released))',
      to: 'bytes = bytes.subarray(released)',
    },
  ]),
  ...inFile('src/wire/decode-record.ts', [
    {
      name: 'null members are kept',
      from: 'if (member !== undefined && member !== null) decoded[name] = decode(member)',
      to: 'if (member !== undefined) decoded[name] = decode(member)',
    },
  ]),
  ...inFile('src/wire/plain-item.ts', [
    {
      name: 'large integers lose their last digits',
      from: 'Math.abs(number) < Number.MAX_SAFE_INTEGER',
      to: 'Math.abs(number) < Number.MAX_VALUE',
    },
  ]),
  ...inFile('src/wire/record-fields.ts', [
    {
      name: 'an invalid time is returned as NaN',
      from: 'return Number.isNaN(ms) ? undefined : ms',
      to: 'return ms',
    },
  ]),
]
