import { stripVTControlCharacters } from 'node:util'

/**
 * The text in lines of at most `columns`, broken at spaces; all but the first are indented. No-break spaces keep words
 * together, and become spaces. A word that is longer than a line stays whole.
 */
export function wrapText(text: string, columns: number, indent = 0): string[] {
  const lines: string[] = []
  let line = ''
  for (const [, gap = '', word = ''] of text.matchAll(/( *)([^ ]+)/g)) {
    if (line.trim() !== '' && widthOf(line + gap + word) > columns) {
      lines.push(line)
      line = ' '.repeat(indent) + word
    } else line += gap + word
  }
  return [...lines, line].map((one) => one.replaceAll('\u00a0', ' '))
}

/** Puts no-break spaces between the words. */
export function keepTogether(text: string): string {
  return text.replaceAll(' ', '\u00a0')
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
