/** A name that is unlikely to contain values of an item: no spaces, no quotes, no digits in front. */
const IDENTIFIER = /^[A-Za-z_$][\w$.-]{0,63}$/

/** Used if nothing else identifies an error, as the conventions of OpenTelemetry require. */
const OTHER = '_OTHER'

/**
 * Returns the type of an error for the attribute `error.type`: its name or, if that is only `Error`, its code
 * or the name of its class. Never its message, which can contain values of an item. Names that do not look
 * like identifiers are not used either.
 */
export function errorTypeOf(error: unknown): string {
  const name = identifierOf(() => Reflect.get(Object(error), 'name'))
  if (name !== undefined && name.toLowerCase() !== 'error') return name
  const code = identifierOf(() => Reflect.get(Object(error), 'code'))
  if (code !== undefined) return code
  if (name === undefined) return OTHER
  return identifierOf(() => (error as object).constructor.name) ?? name
}

/** Handlers may throw anything, such as a proxy on which every operation throws. */
function identifierOf(read: () => unknown): string | undefined {
  try {
    const value = read()
    return typeof value === 'string' && IDENTIFIER.test(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Limits the number of error types, because each of them is a time series of its own. Further types become
 * `_OTHER`.
 */
export class ErrorTypes {
  readonly #seen = new Set<string>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  limit(type: string): string {
    if (this.#seen.has(type)) return type
    if (this.#seen.size >= this.#max) return OTHER
    this.#seen.add(type)
    return type
  }
}
