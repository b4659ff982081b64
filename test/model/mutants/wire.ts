import { inFile, type Mutant } from './mutant.ts'

export const wireMutants: readonly Mutant[] = [
  ...inFile('src/wire/parse-page.ts', [
    {
      name: 'a next iterator that is not a string is taken',
      from: 'if (!rest || !isIterator(rest.NextShardIterator)) return undefined',
      to: 'if (!rest) return undefined',
    },
  ]),
  ...inFile('src/wire/scan-page.ts', [
    {
      name: 'an escaped quote ends a string',
      from: 'if (byte === backslash) index++ // whatever',
      to: '// whatever',
    },
    {
      name: 'an escaped quote in a nested value ends a string',
      from: '        if (inside === backslash) index++\n',
      to: '',
    },
    {
      name: 'members of a former dynamodb object remain when a second one follows',
      from: 'number {\n  clearChange()\n  return',
      to: 'number {\n  return',
    },
    {
      name: 'what the record before had is taken for a record that lacks it',
      from: '  clearChange()\n  const to = scanObject',
      to: '  const to = scanObject',
    },
    {
      name: 'the second of two arrays of records is taken',
      from: 'if (rows.from !== 0 || body[bracket] !== openBracket) return UNUSUAL',
      to: 'if (body[bracket] !== openBracket) return UNUSUAL',
    },
    {
      name: 'a time of the same length as the one before is taken for the same',
      from: 'for (let index = from; index < to; index++) if (body[index] !== body[index - back]) return false',
      to: '',
    },
    {
      name: 'a name with an escape sequence is compared as it is written',
      from: '    if (byte === backslash) return UNUSUAL\n',
      to: '',
    },
  ]),
  ...inFile('src/wire/lazy-records.ts', [
    {
      name: 'images are cut out by bytes where a character has several',
      from: 'if (text.length === to - from) {',
      to: 'if (text.length > 0) {',
    },
    {
      name: 'memory that was freed is not reported',
      from: 'first = before\n      return done',
      to: 'first = before\n      return 0',
    },
    {
      name: 'a small page keeps the memory of its socket',
      from: 'return bytes.buffer.byteLength > 2 * bytes.byteLength ? Buffer.from(bytes) : bytes',
      to: 'return bytes',
    },
    {
      name: 'a large page is kept until its last record is delivered',
      from: 'bytes = Buffer.from(bytes.subarray(done))',
      to: 'bytes = bytes.subarray(done)',
    },
  ]),
  ...inFile('src/wire/decode-record.ts', [
    {
      name: 'members that are null are kept',
      from: 'if (member !== undefined && member !== null) decoded[name] = decode(member)',
      to: 'if (member !== undefined) decoded[name] = decode(member)',
    },
  ]),
  ...inFile('src/wire/plain-item.ts', [
    {
      name: 'large integers lose their last digits',
      from: 'Math.abs(number) < Number.MAX_SAFE_INTEGER ? number : toLarge(text)',
      to: 'Math.abs(number) < Number.MAX_VALUE ? number : toLarge(text)',
    },
  ]),
  ...inFile('src/wire/record-fields.ts', [
    {
      name: 'a time that is not a number is a time',
      from: 'return Number.isNaN(ms) ? undefined : ms',
      to: 'return ms',
    },
  ]),
]
