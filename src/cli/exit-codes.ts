/** What the process ends with. Documented in `--help` and in docs/cli.md. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  trimmed: 5,
  noAnswer: 6,
  checkpoint: 7,
  /** As shells have it: 128 and the number of SIGINT. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** What the exit codes mean, in the order in which the help shows them. */
export const exitCodeMeanings: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.ok, 'done, also when stopped with Ctrl-C'],
  [exitCodes.failed, 'failed in a way that is not listed here'],
  [exitCodes.usage, 'the command line is wrong, or an option is out of its range'],
  [exitCodes.notFound, 'no such table or stream, or the table has no stream'],
  [exitCodes.denied, 'no credentials, or they do not allow it'],
  [exitCodes.trimmed, 'records were trimmed before they were read'],
  [exitCodes.noAnswer, 'the service did not answer'],
  [
    exitCodes.checkpoint,
    'a checkpoint or token file is malformed, of another stream, or cannot be read or saved',
  ],
  [exitCodes.interrupted, 'ended at once by a second Ctrl-C; the demo by the first one'],
]
