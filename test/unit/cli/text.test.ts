import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { escapeJson, escapeText, formatDuration } from '../../../src/cli/text.ts'

/** What a terminal would act on. The joiners of emoji and of several scripts are not among it. */
const active = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/u

describe('escapeText', () => {
  test.each([
    ['an escape sequence', '\x1b[2J', '\\u{1b}[2J'],
    ['a window title', '\x1b]0;title\x07', '\\u{1b}]0;title\\u{7}'],
    ['a line break', 'one\r\ntwo\u2028three', 'one\\u{d}\\u{a}two\\u{2028}three'],
    ['an 8-bit control character', '\x9b31m', '\\u{9b}31m'],
    ['a mark that reverses the direction', 'gpj.\u202eexe', 'gpj.\\u{202e}exe'],
    ['half of a surrogate pair', '\ud83d', '\\u{d83d}'],
    ['a tag beyond 16 bits', '\u{e0041}', '\\u{e0041}'],
  ])('%s is escaped', (_, text, shown) => {
    expect(escapeText(text)).toBe(shown)
  })

  test('letters, symbols and emoji are left unchanged', () => {
    expect(escapeText('größer → 訂單 🎉 \\n "a"')).toBe('größer → 訂單 🎉 \\n "a"')
  })

  test('the joiners of emoji and scripts are left unchanged', () => {
    expect(escapeText('👩\u200d🚀 می\u200cخواهم')).toBe('👩\u200d🚀 می\u200cخواهم')
  })

  test('no string keeps an active character, and escaped JSON still parses to the same value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = escapeJson(JSON.stringify(text))
        expect(escapeText(text)).not.toMatch(active)
        expect(json).not.toMatch(active)
        expect(JSON.parse(json)).toBe(text)
      }),
    )
  })
})

describe('formatDuration', () => {
  test.each([
    [0, '0.0 s'],
    [9_940, '9.9 s'],
    [59_999, '59 s'],
    [60_000, '1 min 0 s'],
    [3_599_999, '59 min 59 s'],
    [7_260_000, '2 h 1 min'],
    [86_399_999, '23 h 59 min'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms are formatted as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })
})
