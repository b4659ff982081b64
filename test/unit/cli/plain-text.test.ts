import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plainJson, plainText } from '../../../src/cli/plain-text.ts'

/** What a terminal would act on. */
const active = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

describe('plainText', () => {
  test.each([
    ['an escape sequence', '\x1b[2J', '\\u{1b}[2J'],
    ['a window title', '\x1b]0;title\x07', '\\u{1b}]0;title\\u{7}'],
    ['a line break', 'one\r\ntwo\u2028three', 'one\\u{d}\\u{a}two\\u{2028}three'],
    ['an 8-bit control character', '\x9b31m', '\\u{9b}31m'],
    ['a mark that reverses the direction', 'gpj.\u202eexe', 'gpj.\\u{202e}exe'],
    ['half of a surrogate pair', '\ud83d', '\\u{d83d}'],
    ['a tag beyond 16 bits', '\u{e0041}', '\\u{e0041}'],
  ])('%s is escaped', (_, text, shown) => {
    expect(plainText(text)).toBe(shown)
  })

  test('letters, symbols and emoji are left unchanged', () => {
    expect(plainText('größer → 訂單 🎉 \\n "a"')).toBe('größer → 訂單 🎉 \\n "a"')
  })

  test('no string keeps an active character, and escaped JSON still parses to the same value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = plainJson(JSON.stringify(text))
        expect(plainText(text)).not.toMatch(active)
        expect(json).not.toMatch(active)
        expect(JSON.parse(json)).toBe(text)
      }),
    )
  })
})
