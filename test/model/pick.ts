/** Selects an item by a number modulo the length of the list. Undefined if the list is empty. */
export function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % Math.max(1, list.length)]
}
