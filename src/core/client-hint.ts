/** Settings of the SDK's clients, which users sometimes pass to this library instead. */
const CLIENT_SETTINGS: ReadonlySet<string> = new Set(['region', 'endpoint', 'credentials', 'profile'])

/** Returns a function that describes where a setting of the SDK's client belongs. */
export function clientHint(className: string): (name: string) => string | undefined {
  return (name) =>
    CLIENT_SETTINGS.has(name)
      ? `pass it to the SDK client, as in client: new ${className}({ ${name} }).`
      : undefined
}
