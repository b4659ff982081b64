import type { StreamRecord } from '../records/stream-record.ts'

/**
 * A validator that implements Standard Schema, version 1, such as those of zod, valibot and arktype. This is
 * the part of the interface that `processStream` uses.
 * @see https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': StandardSchemaProps<Input, Output>
}

/** The members of {@link StandardSchema}. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  readonly version: 1
  /** The name of the schema library. */
  readonly vendor: string
  /** Exists for type inference only. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined
  /** Validates a value, and returns it as the schema transforms it. */
  readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
}

/** The result of a {@link StandardSchema}: the output, or the issues of an invalid value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** Why a value is invalid. */
export interface SchemaIssue {
  readonly message: string
  /** Where in the value the issue is: property names, or objects that contain them. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * Validators for the parts of a record. Only parts that the record contains are validated: a removed item has
 * no `newImage`, and the view type of the stream may exclude the images.
 */
export interface Schemas {
  /** Validates the item after the change. */
  readonly newImage?: StandardSchema | undefined
  /** Validates the item before the change. */
  readonly oldImage?: StandardSchema | undefined
  /** Validates the primary key. */
  readonly keys?: StandardSchema | undefined
}

/** The type of the option `schema` if it is omitted. */
export type NoSchemas = Record<never, never>

/**
 * The type of the records that the handler receives: each part that has a schema has the type of the
 * schema's output.
 *
 * @typeParam Image - the type of the table's items.
 * @typeParam S - the type of the option `schema`.
 */
export type RecordOf<Image, S extends Schemas> = StreamRecord<
  OutputOf<S, 'newImage', Image>,
  OutputOf<S, 'oldImage', Image>,
  OutputOf<S, 'keys', Partial<Image>>
>

/** The output type of a schema of {@link Schemas}, or `Otherwise` if there is no such schema. */
export type OutputOf<S extends Schemas, Part extends keyof Schemas, Otherwise> = S extends {
  readonly [Name in Part]: infer Schema extends StandardSchema
}
  ? NonNullable<Schema['~standard']['types']>['output']
  : Otherwise

/**
 * Whether the value is a Standard Schema. The schemas of arktype are functions.
 *
 * @internal
 */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const props = Reflect.get(value, '~standard')
  return typeof props === 'object' && props !== null && typeof Reflect.get(props, 'validate') === 'function'
}

/**
 * A valid record, whose validated parts are the output of their schemas, or why a record is invalid.
 *
 * @internal
 */
export type Validation =
  | { readonly isValid: true; readonly record: StreamRecord }
  | { readonly isValid: false; readonly reason: string }

/**
 * Validates records, each once: retries receive the output of the first validation, because a validator may
 * be slow, and its output may depend on the time.
 *
 * @internal
 */
export class RecordValidator {
  readonly #schemas: readonly (readonly [part: RecordPart, schema: StandardSchema])[]
  readonly #validated = new WeakMap<StreamRecord, StreamRecord>()

  constructor(schemas: Schemas) {
    this.#schemas = recordParts.flatMap((part) => {
      const schema = schemas[part]
      return schema === undefined ? [] : [[part, schema] as const]
    })
  }

  /** The record as the handler receives it; unchanged if it has not been validated yet. */
  viewOf(record: StreamRecord): StreamRecord {
    return this.#validated.get(record) ?? record
  }

  /**
   * Rejects with the error of a validator that throws or rejects, which does not mean that the record is
   * invalid.
   */
  async validate(record: StreamRecord): Promise<Validation> {
    const known = this.#validated.get(record)
    if (known !== undefined) return { isValid: true, record: known }
    const values: { [Part in RecordPart]?: unknown } = {}
    const issues: string[] = []
    for (const [part, schema] of this.#schemas) {
      if (!hasPart(record, part)) continue
      const result: unknown = await schema['~standard'].validate(record[part])
      if (typeof result !== 'object' || result === null) {
        throw new TypeError(`The schema of ${part} returned no result.`)
      }
      const { issues: found, value } = result as { readonly issues?: unknown; readonly value?: unknown }
      if (found) issues.push(...describeIssues(part, found))
      else values[part] = value
    }
    if (issues.length > 0) return { isValid: false, reason: formatReason(issues) }
    const validated = record.withValues(values)
    this.#validated.set(record, validated)
    return { isValid: true, record: validated }
  }
}

type RecordPart = keyof Schemas

const recordParts: readonly RecordPart[] = ['keys', 'newImage', 'oldImage']

/** A record without keys, which only an emulator can send, has an empty object instead of them. */
function hasPart(record: StreamRecord, part: RecordPart): boolean {
  const value: unknown = record[part]
  return value !== undefined && (part !== 'keys' || Object.keys(value as object).length > 0)
}

/** The maximum length of a reason, in UTF-16 code units. A dead letter has a limited size. */
const MAX_REASON_LENGTH = 1_000

function formatReason(issues: readonly string[]): string {
  const reason = issues.join('; ')
  if (reason.length <= MAX_REASON_LENGTH) return reason
  return `${reason.slice(0, MAX_REASON_LENGTH - 1).toWellFormed()}…`
}

/** The issues of one part as strings, such as `newImage.items[0].price: Expected a number`. */
function describeIssues(part: RecordPart, found: unknown): string[] {
  const issues: readonly unknown[] = Array.isArray(found) ? found : []
  if (issues.length === 0) return [`${part}: invalid`]
  return issues.map((issue) => {
    const { message, path } = (issue ?? {}) as { readonly message?: unknown; readonly path?: unknown }
    const segments: readonly unknown[] = Array.isArray(path) ? path : []
    const place = segments.map(describeSegment).join('')
    return `${part}${place}: ${typeof message === 'string' && message !== '' ? message : 'invalid'}`
  })
}

/** A segment is a property name or, in some libraries, an object that contains it. */
function describeSegment(segment: unknown): string {
  const key: unknown = typeof segment === 'object' && segment !== null ? Reflect.get(segment, 'key') : segment
  if (typeof key === 'number') return `[${key}]`
  if (typeof key === 'string') return `.${key}`
  return typeof key === 'symbol' ? `[${String(key)}]` : '.?'
}
