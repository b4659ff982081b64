import { expect, test } from 'vitest'
import { endSentence } from '../../../src/core/end-sentence.ts'

test.each([
  ['No space left (ENOSPC)', 'No space left (ENOSPC).'],
  ['The store is closed.', 'The store is closed.'],
  ['Did you mean retry?', 'Did you mean retry?'],
])('endSentence() adds a full stop unless the message has an end: %s', (message, sentence) => {
  expect(endSentence(message)).toBe(sentence)
})
