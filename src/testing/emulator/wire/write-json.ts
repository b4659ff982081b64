import type { WireForm } from '../behavior/behavior.ts'

/** A value that is already encoded as JSON. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * Encodes a value. AWS sorts the members of objects by name; DynamoDB Local writes them in the order of its
 * model.
 */
export function writeJson(value: unknown, form: WireForm): string {
  if (value instanceof JsonText) return value.text
  if (Array.isArray(value)) return `[${value.map((item) => writeJson(item, form)).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  if (form === 'aws') members.sort(([one], [other]) => (one < other ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${writeJson(member, form)}`).join()}}`
}

/**
 * Encodes a time in ms as seconds: AWS in Java's format for doubles, DynamoDB Local with three decimal
 * places.
 */
export function timeJson(ms: number, form: WireForm): JsonText {
  return new JsonText(form === 'aws' ? javaDouble(ms / 1000) : (ms / 1000).toFixed(3))
}

/**
 * Formats like Java's `Double.toString`: an exponent from 10^7 up and below 10^-3, and at least one decimal
 * place.
 */
export function javaDouble(value: number): string {
  const size = Math.abs(value)
  if (size === 0 || (size >= 1e-3 && size < 1e7)) return withFraction(String(value))
  const [digits = '', exponent] = value.toExponential().split('e')
  return `${withFraction(digits)}E${Number(exponent)}`
}

function withFraction(digits: string): string {
  return digits.includes('.') ? digits : `${digits}.0`
}
