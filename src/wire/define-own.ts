/** Sets a property of a fresh object. Assigning to a name from outside could be `__proto__`: it would change the prototype. */
export function defineOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true })
}
