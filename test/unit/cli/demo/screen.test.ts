import { describe, expect, test } from 'vitest'
import { canRedraw, createScreen } from '../../../../src/cli/demo/screen.ts'

describe('the live view', () => {
  test('the view is redrawn on terminals only, and not in CI or with NO_COLOR', () => {
    const terminal = { isTTY: true } as NodeJS.WriteStream
    expect(canRedraw(terminal, {})).toBe(true)
    expect(canRedraw({ isTTY: false } as NodeJS.WriteStream, {})).toBe(false)
    for (const env of [{ NO_COLOR: '1' }, { CI: 'true' }, { TERM: 'dumb' }])
      expect(canRedraw(terminal, env)).toBe(false)
  })

  test('a new view replaces the previous one below the permanent lines', () => {
    let out = ''
    const screen = createScreen(
      { write: (text: string) => (out += text) } as unknown as NodeJS.WriteStream,
      true,
    )
    screen.show(['one', 'two'])
    screen.line('stays')
    screen.show(['three'])
    expect(out).toBe('\x1b[?25lone\ntwo\n\x1b[2A\x1b[0Jstays\none\ntwo\n\x1b[2A\x1b[0Jthree\n')
  })
})

describe('permanent lines', () => {
  const written = (stdout: object) => {
    let out = ''
    const screen = createScreen(
      { ...stdout, write: (text: string) => (out += text) } as unknown as NodeJS.WriteStream,
      false,
    )
    screen.line('  1.2 s  all shard iterators expired', 9)
    return out
  }

  test('a permanent line is wrapped to the width of the terminal', () => {
    expect(written({ isTTY: true, columns: 30 })).toBe('  1.2 s  all shard iterators\n         expired\n')
  })

  test('a permanent line is not wrapped when the output is a file', () => {
    expect(written({})).toBe('  1.2 s  all shard iterators expired\n')
  })
})
