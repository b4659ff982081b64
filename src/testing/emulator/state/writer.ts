import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { invalidOption } from '../../../core/options.ts'
import {
  aBoolean,
  aFunction,
  aName,
  anObject,
  aTime,
  type Checks,
  checkOptions,
  isObject,
  wholeNumber,
} from '../../options/check-options.ts'
import { type AttributeMap, keyText, pick } from './attributes.ts'
import { normalizeImage } from './normalize-image.ts'
import type { EmulatedRecord, ItemKey } from './record.ts'
import type { Table, Write } from './table.ts'

/** An item in plain JavaScript values. */
export type Item = Record<string, unknown>

/** Options of `StreamEmulator.put` and `StreamEmulator.update`. */
export interface WriteOptions {
  /**
   * The time of the write in `ApproximateCreationDateTime`, a `Date` or ms since 1970.
   * @default the time on the service's clock
   */
  readonly createdAt?: Date | number | undefined
  /**
   * An event name to send instead of the real one, such as one that a later version of the service could
   * introduce.
   */
  readonly eventName?: string | undefined
  /**
   * Members unknown to the SDK, which are added to the record and to its `dynamodb` member. The SDK client
   * drops them; `StreamEmulator.api` and the HTTP server return them.
   */
  readonly unknownFields?: Readonly<Record<string, unknown>> | undefined
}

/** Options of `StreamEmulator.remove`. */
export interface RemoveOptions extends WriteOptions {
  /** Whether the item is deleted by TTL. @default false */
  readonly ttl?: boolean | undefined
}

/** Options of `StreamEmulator.fill`. */
export interface FillOptions {
  /** The number of items to write. */
  readonly records: number
  /**
   * Returns the n-th item, counted from 0.
   * @default an item with a new id and a string of about `bytes` characters
   */
  readonly item?: ((n: number) => Item) | undefined
  /** The approximate size of each default item in bytes. @default 1000 */
  readonly bytes?: number | undefined
}

export const writeChecks: Checks<WriteOptions> = {
  createdAt: aTime,
  eventName: aName,
  unknownFields: anObject,
}
export const removeChecks: Checks<RemoveOptions> = { ...writeChecks, ttl: aBoolean }
const fillChecks: Checks<FillOptions> = { records: wholeNumber(0), item: aFunction, bytes: wholeNumber(0) }

/** @throws StreamError `options.invalid` for an unknown name or value, or if `records` is missing. */
export function checkFillOptions(options: FillOptions): void {
  checkOptions('', options, fillChecks)
  fillChecks.records('records', options.records)
}

/** Changes items. Each method returns the stream record of the change, if there is one. */
export interface Writer {
  put(item: Item, options: WriteOptions): EmulatedRecord | undefined
  putImage(image: AttributeMap): EmulatedRecord | undefined
  update(key: ItemKey, changes: Item, options: WriteOptions): EmulatedRecord | undefined
  remove(key: ItemKey, options: RemoveOptions): EmulatedRecord | undefined
  removeImage(key: AttributeMap): EmulatedRecord | undefined
  /** @returns the number of stream records that were written. */
  fill(options: FillOptions): number
}

export function createWriter(table: Table): Writer {
  const { keyNames } = table

  const write = (keyImage: AttributeMap, newImage: AttributeMap | undefined, rest: Partial<Write>) => {
    for (const name of keyNames) {
      const value = keyImage[name]
      if (value === undefined) throw new TypeError(`The item has no key attribute ${name}`)
      if (value.S === undefined && value.N === undefined && value.B === undefined)
        throw new TypeError(`The key attribute ${name} is not a string, a number or binary`)
    }
    return table.write({ ...rest, key: rest.key ?? unmarshall(keyImage), keyImage, newImage })
  }

  const plainKey = (item: Item) => Object.fromEntries(keyNames.map((name) => [name, item[name]]))

  let defaultItems = 0
  const defaultItem = (text: string): AttributeMap => {
    const n = defaultItems++
    const item: AttributeMap = {
      [keyNames[0] as string]: { S: `item-${n}` },
      n: { N: String(n) },
      text: { S: text },
    }
    const [, range] = keyNames
    if (range !== undefined) item[range] = { S: '0' }
    return item
  }

  return {
    put: (item, options) => {
      const image = toImage('item', item)
      return write(pick(image, keyNames), image, { ...toWriteOptions(options), key: plainKey(item) })
    },
    putImage: (item) => {
      const image = normalizeImage(item)
      return write(pick(image, keyNames), image, {})
    },
    update: (key, changes, options) => {
      const keyImage = pick(toImage('key', key), keyNames)
      const changed = toImage('changes', changes)
      const newImage = { ...table.items.get(keyText(keyImage, keyNames)), ...keyImage, ...changed }
      for (const name in changes) if (changes[name] === undefined) delete newImage[name]
      return write(keyImage, newImage, { ...toWriteOptions(options), key: plainKey(key) })
    },
    remove: (key, options) => {
      const keyImage = pick(toImage('key', key), keyNames)
      return write(keyImage, undefined, { ...toWriteOptions(options), key: plainKey(key), ttl: options.ttl })
    },
    removeImage: (key) => write(pick(normalizeImage(key), keyNames), undefined, {}),
    fill: ({ records, item, bytes = 1000 }) => {
      const before = table.records.length
      const text = 'x'.repeat(Math.max(0, bytes - 30))
      for (let n = 0; n < records; n++) {
        const image = item ? toImage('item', item(n)) : defaultItem(text)
        write(pick(image, keyNames), image, {})
      }
      return table.records.length - before
    },
  }
}

function toImage(option: string, item: Item): AttributeMap {
  if (!isObject(item)) throw invalidOption(option, item, "an object with the item's attributes")
  return normalizeImage(marshall(item, { removeUndefinedValues: true }) as AttributeMap)
}

function toWriteOptions({ createdAt, eventName, unknownFields }: WriteOptions): Partial<Write> {
  return { createdAt: createdAt === undefined ? undefined : Number(createdAt), eventName, unknownFields }
}
