import { stripVTControlCharacters } from 'node:util'

/**
 * What a terminal would act on: control characters (they set titles, clear the screen, move the cursor), line
 * breaks, and format characters such as those that reverse the direction of text. Not the joiners, which
 * emoji and several scripts need.
 */
const ACTIVE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu

/**
 * Escapes what a terminal would act on: anyone who can write an item could otherwise control the reader's
 * terminal.
 */
export function escapeText(text: string): string {
  return text.replaceAll(ACTIVE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** Like {@link escapeText}, for JSON: the result parses to the same value. */
export function escapeJson(json: string): string {
  return json.replaceAll(ACTIVE, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** Formats a count, as in `1 shard` and `2 shards`. */
export function pluralize(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

const timeUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** Formats a duration in ms: `0.4 s`, `12 min 30 s`, `23 h 59 min`. */
export function formatDuration(ms: number): string {
  const index = timeUnits.findIndex(([, length]) => ms >= length)
  if (index === -1) return `${ms < 10_000 ? (ms / 1_000).toFixed(1) : Math.floor(ms / 1_000)} s`
  const [unit, length] = timeUnits[index] as (typeof timeUnits)[number]
  const [nextUnit, nextLength] = timeUnits[index + 1] ?? ['s', 1_000]
  return `${Math.floor(ms / length)} ${unit} ${Math.floor((ms % length) / nextLength)} ${nextUnit}`
}

/** Formats a time in ms as UTC, to the second: `2026-01-01 12:00:00`. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}

/**
 * Wraps text at spaces into lines of at most `columns`, and indents all lines but the first. A longer word
 * gets a line for itself. Color codes have no width. No-break spaces do not break, and become spaces.
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
  return [...lines, line].map((wrapped) => wrapped.replaceAll('\u00a0', ' '))
}

/** Replaces spaces by no-break spaces, for {@link wrapText}. */
export function noBreak(text: string): string {
  return text.replaceAll(' ', '\u00a0')
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
