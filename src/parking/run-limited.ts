/**
 * Calls a function for each item, at most `limit` at a time, and returns the results in order. Rejects with
 * the first error, but only when no call is in flight any longer; after an error, no further calls are made.
 */
export async function runLimited<Item, Result>(
  items: readonly Item[],
  limit: number,
  call: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const errors: unknown[] = []
  let next = 0
  const work = async () => {
    while (next < items.length && errors.length === 0) {
      const index = next++
      try {
        results[index] = await call(items[index] as Item)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work))
  if (errors.length > 0) throw errors[0]
  return results
}
