/**
 * A fast check for integers that are already in normal form. It returns false for some other normal forms,
 * such as 0.5.
 */
export function isCanonicalNumber(text: string): boolean {
  return /^(?:0|-?[1-9]\d*)$/.test(text)
}

/**
 * Removes leading and trailing zeros, as documented by AWS, and the exponent, as observed in DynamoDB Local.
 */
export function normalizeNumber(text: string): string {
  const { sign, digits, exponent } = parse(text)
  if (digits === '') return '0'
  if (exponent >= 0) return `${sign}${digits}${'0'.repeat(exponent)}`
  const point = digits.length + exponent
  if (point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
  return `${sign}0.${'0'.repeat(-point)}${digits}`
}

/**
 * Returns the size of a number in bytes: one for each pair of significant digits, counted from the decimal
 * point, one for the exponent, and one for a minus sign. AWS documents this approximately; DynamoDB Local
 * counts exactly this way.
 */
export function numberBytes(text: string): number {
  const { sign, digits, exponent } = parse(text)
  if (digits === '') return 1
  const low = Math.floor(exponent / 2)
  const high = Math.ceil((exponent + digits.length) / 2)
  return high - low + 1 + sign.length
}

/**
 * Parses a number as `digits` * 10^`exponent`, without leading or trailing zeros in `digits`. Zero has no
 * digits.
 */
function parse(text: string): { sign: '' | '-'; digits: string; exponent: number } {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text.trim())
  if (!parts || (parts[2] ?? '') + (parts[3] ?? '') === '') throw new TypeError(`Not a number: ${text}`)
  const [, sign, whole = '', fraction = '', power = '0'] = parts
  const all = `${whole}${fraction}`
  const significant = all.replace(/0+$/, '')
  return {
    sign: sign === '-' ? '-' : '',
    digits: significant.replace(/^0+/, ''),
    exponent: Number(power) - fraction.length + all.length - significant.length,
  }
}
