/** Sets an own property of a new object. Assigning to a property `__proto__` would change the prototype. */
export function defineOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true })
}
