const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** A duration in ms for people: `0.4 s`, `12 min 30 s`, `23 h 59 min`. */
export function durationText(ms: number): string {
  const index = units.findIndex(([, length]) => ms >= length)
  if (index === -1) return `${ms < 10_000 ? (ms / 1_000).toFixed(1) : Math.floor(ms / 1_000)} s`
  const [unit, length] = units[index] as (typeof units)[number]
  const [nextUnit, nextLength] = units[index + 1] ?? ['s', 1_000]
  return `${Math.floor(ms / length)} ${unit} ${Math.floor((ms % length) / nextLength)} ${nextUnit}`
}
