import type { RecordPlaces } from './scan-records.ts'
import type { WireRecord, WireRecords } from './streams-api.ts'

const quote = 0x22

/** The digits of the largest sequence number that there may be, 40, and some more. */
const LONGEST_SEQUENCE_NUMBER = 64

/** What parsing a record gives: its members as they are in the JSON, whether we know them or not. */
type Parsed = WireRecord & Readonly<Record<string, unknown>>

/**
 * A record that is still JSON text, and is parsed when somebody looks into it. Many consumers look at few records, or
 * at none; and what is parsed shortly before it is used dies young, so that the garbage collector need not move it.
 * The time and the sequence number, which the merge needs of every record, are known without.
 */
export class TextRecord implements WireRecord {
  /** `undefined` where it has none in the usual form: then it is in `dynamodb`, if anywhere. */
  readonly sequenceNumber: string | undefined
  /** In seconds, as on the wire. */
  readonly createdAt: number | undefined
  #text: string
  #parsed: Parsed | undefined

  constructor(text: string, sequenceNumber: string | undefined, createdAt: number | undefined) {
    this.#text = text
    this.sequenceNumber = sequenceNumber
    this.createdAt = createdAt
  }

  /** @throws SyntaxError where the text is no JSON. */
  get parsed(): Parsed {
    if (this.#parsed === undefined) {
      this.#parsed = JSON.parse(this.#text) as Parsed
      this.#text = ''
    }
    return this.#parsed
  }

  get eventID(): string | undefined {
    return this.parsed.eventID
  }

  get eventName(): string | undefined {
    return this.parsed.eventName
  }

  get userIdentity(): unknown {
    return this.parsed.userIdentity
  }

  get dynamodb(): WireRecord['dynamodb'] {
    return this.parsed.dynamodb
  }
}

/**
 * The records at these places. Each `at` gives a new one, with a text of its own: a consumer who keeps one record of an
 * answer does not keep the whole answer.
 */
export function textRecords(body: Buffer, places: RecordPlaces): WireRecords {
  return {
    length: places.count,
    at(index) {
      if (index < 0 || index >= places.count) return undefined
      const { start, end, sequenceNumberAt, createdAtAt } = places.place(index)
      return new TextRecord(
        body.toString('utf8', start, end),
        sequenceNumberAt === 0 ? undefined : shortDigits(body, sequenceNumberAt),
        createdAtAt === 0 ? undefined : seconds(body, createdAtAt),
      )
    },
  }
}

/** The text of digits that begins at `from`; undefined for any other text. */
function shortDigits(body: Buffer, from: number): string | undefined {
  let end = from
  while (isDigit(body[end])) end++
  if (body[end] !== quote || end === from || end - from > LONGEST_SEQUENCE_NUMBER) return undefined
  return body.toString('latin1', from, end)
}

/** The whole number that begins at `from`; undefined for a value of any other form. */
function seconds(body: Buffer, from: number): number | undefined {
  let value = 0
  let end = from
  for (; isDigit(body[end]); end++) value = value * 10 + (body[end] as number) - 0x30
  const isWhole = body[end] === 0x2c || body[end] === 0x7d
  return isWhole && end > from && end - from <= 12 ? value : undefined
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
