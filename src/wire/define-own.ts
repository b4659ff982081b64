/**
 * Sets an own property of a new object. Plain assignment to an untrusted name could be to `__proto__`, and
 * change the prototype.
 */
export function defineOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true })
}
