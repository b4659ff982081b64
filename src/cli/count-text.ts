/** A number of things, as in `1 shard` and `2 shards`. */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
