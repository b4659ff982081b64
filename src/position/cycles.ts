/** Returns a shard that is its own ancestor, if there is one. A reader would wait for it forever. */
export function findCycle(parentOf: ReadonlyMap<string, string | undefined>): string | undefined {
  const acyclic = new Set<string>()
  for (const start of parentOf.keys()) {
    const path = new Set<string>()
    for (let id: string | undefined = start; id !== undefined; id = parentOf.get(id)) {
      if (path.has(id)) return id
      if (acyclic.has(id)) break
      path.add(id)
    }
    for (const id of path) acyclic.add(id)
  }
  return undefined
}
