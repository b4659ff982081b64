import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fileErrorReason } from '../checkpoints/file.ts'
import { endSentence } from '../core/end-sentence.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames, invalidOption } from '../core/options.ts'
import { appendLines, openForAppending } from './append-lines.ts'
import type { DeadLetter, DestinationObject } from './destination.ts'
import { escapeInJson, letterBody } from './serialize-letter.ts'

/** Options of {@link fileDestination}. */
export interface FileDestinationOptions {
  /** A path, which is resolved against the current working directory, or a `file:` URL. */
  readonly path: string | URL
}

/**
 * Creates a destination that appends each dead letter to a file, as one line of JSON: the invocation record
 * that Lambda would write to S3, with the record in `payload`. A letter is accepted once its line is on disk.
 * The file is created with mode 0600, and its folder with mode 0700.
 *
 * A letter that is sent again is appended again, and has the same `requestContext.requestId`. A line is not
 * valid JSON if a process stopped while writing it; its letter follows on another line. The file can be
 * moved or deleted at any time: the next letter creates it again.
 *
 * Several processes can append to one file on a local disk: their lines are not mixed. Readers should skip
 * blank lines, which can occur then: a line that another process is still writing looks incomplete, and the
 * next letter starts with a line break.
 *
 * The path can also be that of a pipe or a terminal, such as `/dev/stdout`. A letter is accepted then once
 * its line is written, which does not mean that it was read or stored.
 *
 * `send` and `check` reject with `destination.failed` if the file cannot be written. `check` creates the file
 * if it is missing. `close` resolves once all letters that were sent are on disk.
 *
 * @throws StreamError `options.invalid` for an invalid argument.
 */
export function fileDestination(options: string | URL | FileDestinationOptions): DestinationObject {
  const path = toPath(options)
  const append = batchedAppend(path)
  return {
    send: async (letter) => append.line(lineOf(letter)),
    check: () => checkIsWritable(path),
    close: () => append.settled(),
  }
}

/** Node's readline and other readers also split lines at these characters. JSON can escape them. */
const OTHER_LINE_BREAKS = /[\u0085\u2028\u2029]/g

function lineOf(letter: DeadLetter): string {
  return escapeInJson(letterBody(letter, 's3'), OTHER_LINE_BREAKS)
}

interface WaitingLine {
  readonly line: string
  resolve(): void
  reject(error: unknown): void
}

/** Syncing takes far longer than writing, so all lines that arrive during one sync share the next one. */
function batchedAppend(path: string): { line(line: string): Promise<void>; settled(): Promise<void> } {
  let waiting: WaitingLine[] = []
  let running: Promise<void> | undefined

  async function appendWaiting(): Promise<void> {
    // Lines that are sent in the same tick belong to the first batch.
    await Promise.resolve()
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        await appendLines(
          path,
          batch.map(({ line }) => line),
        )
        for (const { resolve } of batch) resolve()
      } catch (error) {
        // Some lines may have been written. They are appended again when their letters are sent again.
        for (const { reject } of batch) reject(failure('send', path, error))
      }
    }
    running = undefined
  }

  return {
    line: (line) =>
      new Promise((resolve, reject) => {
        waiting.push({ line, resolve, reject })
        running ??= appendWaiting()
      }),
    settled: () => running ?? Promise.resolve(),
  }
}

async function checkIsWritable(path: string): Promise<void> {
  try {
    const file = await openForAppending(path)
    await file.close()
  } catch (error) {
    throw failure('check', path, error)
  }
}

function failure(
  operation: 'check' | 'send',
  path: string,
  cause: unknown,
): StreamError<'destination.failed'> {
  const message = `Cannot append dead letters to ${path}: ${fileErrorReason(cause)}`
  return new StreamError('destination.failed', endSentence(message), { destination: path, operation }, cause)
}

function toPath(options: string | URL | FileDestinationOptions): string {
  const isOptions = typeof options !== 'string' && !(options instanceof URL)
  if (isOptions) {
    const example = { call: 'fileDestination', options: "{ path: './dead-letters.jsonl' }" }
    checkNames('', options, ['path'], example)
  }
  const location = isOptions ? options.path : options
  if (location instanceof URL && location.protocol === 'file:') return resolve(fileURLToPath(location))
  if (typeof location === 'string' && location !== '' && !location.includes('\0')) return resolve(location)
  const formatted = location instanceof URL ? location.href : undefined
  throw invalidOption('path', location, 'a path or a file: URL', formatted)
}
