import fc from 'fast-check'

/** Returns a number from 0 to `count - 1`: the next of a series of choices. */
export type Choose = (count: number) => number

/** Random choices, which shrink toward 0. */
export const choices: fc.Arbitrary<Choose> = fc.array(fc.nat(1_000), { minLength: 1 }).map((numbers) => {
  let next = 0
  return (count) => (numbers[next++ % numbers.length] as number) % count
})

/** Writes a value as JSON, with random whitespace, order of members, number formats and escapes. */
export function writeJson(value: unknown, choose: Choose): string {
  const space = () => ['', '', '', ' ', '\n', '\r\n\t', '  '][choose(7)] as string
  if (Array.isArray(value)) {
    const items = value.map((item) => space() + writeJson(item, choose) + space())
    return `[${items.length === 0 ? space() : items.join()}]`
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .map((entry) => ({ entry, rank: choose(1_000) }))
      .sort((a, b) => a.rank - b.rank)
      .map(
        ({ entry: [name, member] }) =>
          `${space()}${JSON.stringify(name)}${space()}:${space()}${writeJson(member, choose)}${space()}`,
      )
    return `{${members.length === 0 ? space() : members.join()}}`
  }
  if (typeof value === 'number') return writeNumber(value, choose)
  return typeof value === 'string' ? writeString(value, choose) : JSON.stringify(value)
}

function writeNumber(value: number, choose: Choose): string {
  const [digits = '', exponent = '0'] = value.toExponential().split('e')
  const upper = `${digits}E${Number(exponent)}`
  const shifted = `${digits.replace('.', '')}e${Number(exponent) - (digits.split('.')[1]?.length ?? 0)}`
  const whole = Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.000` : String(value)
  return [String(value), upper, whole, value.toExponential(), shifted][choose(5)] as string
}

/** Writes a string, with random escapes. Strings of digits have none, because no service escapes them. */
function writeString(string: string, choose: Choose): string {
  if (choose(4) !== 0 || /^\d+$/.test(string)) return JSON.stringify(string)
  const escaped = Array.from({ length: string.length }, (_, index) => {
    const code = string.charCodeAt(index).toString(16).padStart(4, '0')
    return choose(2) === 0 ? `\\u${code}` : JSON.stringify(string[index]).slice(1, -1)
  })
  return `"${escaped.join('')}"`
}
