import { inFile, type Mutant } from './mutant.ts'

export const wireMutants: readonly Mutant[] = [
  ...inFile('src/wire/parse-page.ts', [
    {
      name: 'an attribute named Records is taken for the records of the page',
      from: 'if (key === -1 || !isMemberOfAnswer(body, key)) return undefined',
      to: 'if (key === -1) return undefined',
    },
    {
      name: 'a record that is not JSON is found when it is looked at',
      from: 'if (!places || !areReadable(body, places)) return undefined',
      to: 'if (!places) return undefined',
    },
  ]),
  ...inFile('src/wire/scan-records.ts', [
    {
      name: 'an escaped quote ends a string',
      from: '        if (body[index] === backslash) index++\n',
      to: '        if (body[index] === comma + 0x10000) index++\n',
    },
    {
      name: 'members after dynamodb are read as members of it',
      from: 'if (depth === 1) isInDynamodb = false',
      to: '',
    },
    {
      name: 'of two members of the same name the first counts',
      from: 'isInDynamodb = value === openBrace\n        sequenceNumberAt = 0\n        createdAtAt = 0',
      to: 'isInDynamodb = value === openBrace',
    },
  ]),
  ...inFile('src/wire/text-records.ts', [
    {
      name: 'a record that was asked for is looked for in the pieces after it only',
      from: 'if (isBefore || current < first) current = first',
      to: '',
    },
    {
      name: 'memory that was freed is not reported',
      from: 'freed += piece.bytes.length',
      to: '',
    },
    {
      name: 'a small page keeps the memory of its socket',
      from: 'return bytes.buffer.byteLength > 2 * bytes.byteLength ? Buffer.from(bytes) : bytes',
      to: 'return bytes',
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
