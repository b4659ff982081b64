import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plainJson, plainText } from '../../../src/cli/plain-text.ts'

/** What a terminal would act on. */
const active = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

describe('a text for the terminal', () => {
  test.each([
    ['an escape sequence', '\x1b[2J', '\\u{1b}[2J'],
    ['a window title', '\x1b]0;title\x07', '\\u{1b}]0;title\\u{7}'],
    ['a line break', 'one\r\ntwo\u2028three', 'one\\u{d}\\u{a}two\\u{2028}three'],
    ['an 8-bit control character', '\x9b31m', '\\u{9b}31m'],
    ['a mark that reverses the direction', 'gpj.\u202eexe', 'gpj.\\u{202e}exe'],
    ['half of a surrogate pair', '\ud83d', '\\u{d83d}'],
    ['a tag beyond 16 bits', '\u{e0041}', '\\u{e0041}'],
  ])('shows %s as escaped', (_, text, shown) => {
    expect(plainText(text)).toBe(shown)
  })

  test('is left as it is otherwise', () => {
    expect(plainText('größer → 訂單 🎉 \\n "a"')).toBe('größer → 訂單 🎉 \\n "a"')
  })

  test('has nothing to act on, whatever it was, also as JSON, which means the same', () => {
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
