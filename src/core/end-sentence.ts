/**
 * Ends a message with a full stop unless it has one already, because the messages of other errors, which it
 * may end with, do or do not have one.
 */
export function endSentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`
}
