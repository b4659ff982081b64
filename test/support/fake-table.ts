import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import type { SdkClient } from '../../src/core/sdk-client.ts'

export type FakeItem = Readonly<Record<string, AttributeValue>>

/** A call of a table, which has not been applied yet. */
export interface FakeCall {
  readonly operation: 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'Query'
  /** The update expression of an UpdateItem. */
  readonly update: string
  /** Reads or writes the table, and returns the response; throws a ConditionalCheckFailedException. */
  apply(): unknown
}

/** Sends a call to the table: at once, late, twice or never. */
export type Deliver = (call: FakeCall, signal: AbortSignal | undefined) => Promise<unknown>

interface Input {
  readonly Key?: FakeItem
  readonly Item?: FakeItem
  readonly ConditionExpression?: string
  readonly UpdateExpression?: string
  readonly ProjectionExpression?: string
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>
  readonly ExpressionAttributeValues?: FakeItem
}

/**
 * A table in memory with the keys `name` and `part`, which evaluates the expressions of the checkpoint store.
 * Anything else is an error.
 */
export class FakeTable {
  readonly #items = new Map<string, FakeItem>()

  get(name: string, part: string): FakeItem | undefined {
    return this.#items.get(`${name}\n${part}`)
  }

  delete(name: string, part: string): void {
    this.#items.delete(`${name}\n${part}`)
  }

  /** Returns a client of the table. By default, calls are applied at once. */
  client(deliver: Deliver = async (call) => call.apply()): SdkClient {
    const send = (command: object, options: { readonly abortSignal?: AbortSignal } = {}) =>
      deliver(this.#callOf(command), options.abortSignal)
    return { send } as SdkClient
  }

  #callOf(command: object): FakeCall {
    const { input } = command as { input: Input }
    const update = input.UpdateExpression ?? ''
    if (command instanceof GetItemCommand) {
      return { operation: 'GetItem', update, apply: () => ({ Item: project(this.#read(input), input) }) }
    }
    if (command instanceof PutItemCommand) {
      return { operation: 'PutItem', update, apply: () => this.#write(input.Item as FakeItem) }
    }
    if (command instanceof UpdateItemCommand) {
      return { operation: 'UpdateItem', update, apply: () => this.#update(input) }
    }
    if (command instanceof DeleteItemCommand) {
      return { operation: 'DeleteItem', update, apply: () => this.#items.delete(keyOf(input.Key)) }
    }
    if (command instanceof QueryCommand) {
      return { operation: 'Query', update, apply: () => ({ Items: this.#query(input) }) }
    }
    throw new Error(`The table cannot run a ${command.constructor.name}`)
  }

  #read({ Key }: Input): FakeItem | undefined {
    return this.#items.get(keyOf(Key))
  }

  #write(item: FakeItem): unknown {
    this.#items.set(keyOf(item), item)
    return {}
  }

  #update(input: Input): unknown {
    const old = this.#read(input)
    const condition = new Expression(input.ConditionExpression ?? '', input, old ?? {})
    if (!condition.holds()) {
      throw new ConditionalCheckFailedException({
        message: 'The conditional request failed',
        $metadata: {},
        ...(old && { Item: { ...old } }),
      })
    }
    const item: Record<string, AttributeValue> = { ...input.Key, ...old }
    const [, set = '', remove = ''] = /^SET (.*?)(?: REMOVE (.*))?$/.exec(input.UpdateExpression ?? '') ?? []
    for (const assignment of set.split(', ')) {
      const [name = '', value = ''] = assignment.split(' = ')
      const attribute = input.ExpressionAttributeValues?.[value]
      if (attribute === undefined) throw new Error(`${value} has no value`)
      item[nameOf(name, input)] = attribute
    }
    for (const name of remove === '' ? [] : remove.split(', ')) delete item[nameOf(name, input)]
    this.#write(item)
    return { Attributes: { ...item } }
  }

  #query({ ExpressionAttributeValues: values = {} }: Input): FakeItem[] {
    const [name, first, last] = [values[':name']?.S, values[':first']?.S ?? '', values[':last']?.S ?? '']
    return [...this.#items.values()].filter((item) => {
      const part = item.part?.S ?? ''
      return item.name?.S === name && part >= first && part <= last
    })
  }
}

function keyOf(item: FakeItem | undefined): string {
  return `${item?.name?.S}\n${item?.part?.S}`
}

function nameOf(placeholder: string, { ExpressionAttributeNames: names = {} }: Input): string {
  const name = names[placeholder]
  if (name === undefined) throw new Error(`${placeholder} is no attribute`)
  return name
}

function project(item: FakeItem | undefined, input: Input): FakeItem | undefined {
  if (item === undefined || input.ProjectionExpression === undefined) return item && { ...item }
  const names = input.ProjectionExpression.split(', ').map((name) => nameOf(name, input))
  return Object.fromEntries(names.flatMap((name) => (item[name] ? [[name, item[name]]] : [])))
}

/** Evaluates a condition: comparisons and attribute_not_exists, joined by AND, or by OR in parentheses. */
class Expression {
  readonly #tokens: string[]
  readonly #input: Input
  readonly #item: FakeItem

  constructor(text: string, input: Input, item: FakeItem) {
    this.#tokens = text.match(/attribute_not_exists|AND|OR|[#:]\w+|<=|[=()]/g) ?? []
    this.#input = input
    this.#item = item
  }

  holds(): boolean {
    if (this.#tokens.length === 0) return true
    const result = this.#joined()
    if (this.#tokens.length > 0) throw new Error(`Unexpected ${this.#tokens.join(' ')}`)
    return result
  }

  #joined(): boolean {
    let result = this.#single()
    while (this.#tokens[0] === 'AND' || this.#tokens[0] === 'OR') {
      const isAnd = this.#tokens.shift() === 'AND'
      const next = this.#single()
      result = isAnd ? result && next : result || next
    }
    return result
  }

  #single(): boolean {
    const token = this.#tokens.shift() ?? ''
    if (token === '(') {
      const result = this.#joined()
      this.#tokens.shift()
      return result
    }
    if (token === 'attribute_not_exists') {
      const [, name = ''] = this.#tokens.splice(0, 3)
      return this.#item[nameOf(name, this.#input)] === undefined
    }
    const [operator, placeholder = ''] = this.#tokens.splice(0, 2)
    const actual = this.#item[nameOf(token, this.#input)]
    const expected = this.#input.ExpressionAttributeValues?.[placeholder]
    if (actual === undefined || expected === undefined) return false
    if (operator === '=') return actual.N === expected.N && actual.S === expected.S
    return Number(actual.N) <= Number(expected.N)
  }
}
