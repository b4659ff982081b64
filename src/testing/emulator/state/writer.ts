import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { namesOf } from '../../../core/options.ts'
import { type AttributeMap, keyText, pick } from './attributes.ts'
import { normalizeImage } from './normalize-image.ts'
import type { EmulatedRecord, ItemKey } from './record.ts'
import type { Table, Write } from './table.ts'

/** An item in plain JavaScript values. */
export type Item = Record<string, unknown>

export interface WriteOptions {
  /** What the service takes for the time of the write. @default the service's clock */
  readonly createdAt?: Date | number | undefined
  /** An event name in place of the true one, as a later version of the service could send. */
  readonly eventName?: string | undefined
  /**
   * Members that the SDK doesn't know, put into the record and into its `dynamodb`. The SDK's client drops them; they
   * arrive in the three-call view and over HTTP.
   */
  readonly unknownFields?: Readonly<Record<string, unknown>> | undefined
}

export interface RemoveOptions extends WriteOptions {
  /** Whether time to live deletes the item. @default false */
  readonly ttl?: boolean | undefined
}

export interface FillOptions {
  /** How many items to write. */
  readonly records: number
  /** Makes the n-th item, counted from 0. @default new ids, and a text of `bytes` */
  readonly item?: ((n: number) => Item) | undefined
  /** About the size of each default item. @default 1000 */
  readonly bytes?: number | undefined
}

export const writeOptionNames: readonly string[] = namesOf<WriteOptions>({
  createdAt: true,
  eventName: true,
  unknownFields: true,
})
export const removeOptionNames: readonly string[] = [
  ...writeOptionNames,
  ...namesOf<Omit<RemoveOptions, keyof WriteOptions>>({ ttl: true }),
]
export const fillOptionNames: readonly string[] = namesOf<FillOptions>({
  records: true,
  item: true,
  bytes: true,
})

/** Changes items, given in plain values. Each returns the record that the change gave, if it gave one. */
export interface Writer {
  put(item: Item, options: WriteOptions): EmulatedRecord | undefined
  putImage(image: AttributeMap): EmulatedRecord | undefined
  update(key: ItemKey, changes: Item, options: WriteOptions): EmulatedRecord | undefined
  remove(key: ItemKey, options: RemoveOptions): EmulatedRecord | undefined
  removeImage(key: AttributeMap): EmulatedRecord | undefined
  /** @returns how many records that gave */
  fill(options: FillOptions): number
}

export function createWriter(table: Table): Writer {
  const { keyNames } = table

  const write = (keyImage: AttributeMap, newImage: AttributeMap | undefined, rest: Partial<Write>) => {
    for (const name of keyNames) {
      if (keyImage[name] === undefined) throw new TypeError(`The key attribute ${name} is missing`)
    }
    return table.write({ ...rest, key: rest.key ?? unmarshall(keyImage), keyImage, newImage })
  }

  const plainKey = (item: Item) => Object.fromEntries(keyNames.map((name) => [name, item[name]]))

  let filled = 0
  const defaultItem = (text: string): AttributeMap => {
    const n = filled++
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
      const image = toImage(item)
      return write(pick(image, keyNames), image, { ...forTable(options), key: plainKey(item) })
    },
    putImage: (given) => {
      const image = normalizeImage(given)
      return write(pick(image, keyNames), image, {})
    },
    update: (key, changes, options) => {
      const keyImage = pick(toImage(key), keyNames)
      const newImage = { ...table.items.get(keyText(keyImage, keyNames)), ...keyImage, ...toImage(changes) }
      for (const name in changes) if (changes[name] === undefined) delete newImage[name]
      return write(keyImage, newImage, { ...forTable(options), key: plainKey(key) })
    },
    remove: (key, options) => {
      const keyImage = pick(toImage(key), keyNames)
      return write(keyImage, undefined, { ...forTable(options), key: plainKey(key), ttl: options.ttl })
    },
    removeImage: (key) => write(pick(normalizeImage(key), keyNames), undefined, {}),
    fill: ({ records, item, bytes = 1000 }) => {
      const before = table.records.length
      const text = 'x'.repeat(Math.max(0, bytes - 30))
      for (let n = 0; n < records; n++) {
        const image = item ? toImage(item(n)) : defaultItem(text)
        write(pick(image, keyNames), image, {})
      }
      return table.records.length - before
    },
  }
}

function toImage(item: Item): AttributeMap {
  return normalizeImage(marshall(item, { removeUndefinedValues: true }) as AttributeMap)
}

function forTable({ createdAt, eventName, unknownFields }: WriteOptions): Partial<Write> {
  return { createdAt: createdAt === undefined ? undefined : Number(createdAt), eventName, unknownFields }
}
