/** What became of the letters of a redrive. Each letter is counted once, except in `found`. */
export interface RedriveSummary {
  /** Letters that were read from the source. */
  found: number
  /** Letters whose records were all handled, and that were taken out of the source. */
  handled: number
  /** Letters with a record that the handler did not handle. */
  failed: number
  /** Letters that were not started, because an earlier letter of the same item was not handled. */
  behindOthers: number
  /** Messages, objects and lines that are not dead letters. */
  malformed: number
  /** Letters whose records are no longer in the stream. */
  trimmed: number
  /** Letters of another run or function than the one that was asked for. */
  ofOthers: number
  /** Letters that another consumer may have received. */
  lost: number
  /** Letters that were not handled, because the redrive was stopped or its limit was reached. */
  notStarted: number
  /** Letters that an earlier redrive has handled. */
  handledBefore: number
  /** Records for which the handler succeeded. */
  records: number
  /** Records that the filters of the handler module exclude. */
  filtered: number
}

export function emptySummary(): RedriveSummary {
  return {
    found: 0,
    handled: 0,
    failed: 0,
    behindOthers: 0,
    malformed: 0,
    trimmed: 0,
    ofOthers: 0,
    lost: 0,
    notStarted: 0,
    handledBefore: 0,
    records: 0,
    filtered: 0,
  }
}
