/**
 * A DynamoDB number, which has up to 38 digits, as a JavaScript number where that holds all of them, else as its
 * text: what is printed has every digit.
 */
export function exactNumber(text: string): number | string {
  const value = Number(text)
  if (String(value) === text) return value
  // Up to 15 significant digits survive the way there and back, however they were written.
  const digits = text.replace(/e.*$/i, '').replaceAll(/[^\d]/g, '').replace(/^0+/, '')
  return digits.length <= 15 && Number.isFinite(value) ? value : text
}
