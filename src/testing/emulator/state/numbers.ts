/** Whether it is written as it is kept: tells most numbers, at once. */
export function isCanonicalNumber(text: string): boolean {
  return /^(?:0|-?[1-9]\d*)$/.test(text)
}

/** Without leading and trailing zeros, as the documentation says, and without exponent, as DynamoDB Local gives it. */
export function normalizeNumber(text: string): string {
  const { sign, digits, exponent } = parse(text)
  if (digits === '') return '0'
  if (exponent >= 0) return `${sign}${digits}${'0'.repeat(exponent)}`
  const point = digits.length + exponent
  if (point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
  return `${sign}0.${'0'.repeat(-point)}${digits}`
}

/**
 * The size of a number: a byte for each pair of significant digits, counted from the point, one for the exponent, and
 * one for the sign of a negative number. The documentation says about as much; DynamoDB Local counts exactly so.
 */
export function numberBytes(text: string): number {
  const { sign, digits, exponent } = parse(text)
  if (digits === '') return 1
  const low = Math.floor(exponent / 2)
  const high = Math.ceil((exponent + digits.length) / 2)
  return high - low + 1 + sign.length
}

/** `digits`, whose first and last one are no zeros, times ten to the power of `exponent`; no digits stand for zero. */
function parse(text: string): { sign: '' | '-'; digits: string; exponent: number } {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text.trim())
  if (!parts || (parts[2] ?? '') + (parts[3] ?? '') === '') throw new TypeError(`not a number: ${text}`)
  const [, sign, whole = '', fraction = '', power = '0'] = parts
  const all = `${whole}${fraction}`
  const significant = all.replace(/0+$/, '')
  return {
    sign: sign === '-' ? '-' : '',
    digits: significant.replace(/^0+/, ''),
    exponent: Number(power) - fraction.length + all.length - significant.length,
  }
}
